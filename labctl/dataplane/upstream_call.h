#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "labctl/dataplane/upstream.h"
#include "mesh/http/message.h"

namespace labctl::dataplane {

/// What became of a request that has no answer.
struct UpstreamFailure {
    enum class Cause : std::uint8_t {
        NoSocket, // none could be had
        Connect,  // no endpoint has accepted, or none in time
        ConnectTimeout,
        Tls,      // the handshake failed at the last one that was tried
        Closed,   // the connection broke before the answer
        Reset,    // the endpoint has reset the stream (HTTP/2)
        Refused,  // the same, and it has done nothing of the request (RFC 9113 section 8.7)
        NoAnswer, // what came is no answer
        Silence,  // nothing came for too long
        BrokeOff, // the head of the answer has been told: nothing else can be said to the client
    };
    Cause cause = Cause::BrokeOff;
    std::string text; // why
};

/// Who hears of what happens on an UpstreamCall. None of these from within `abandon`.
class UpstreamCallListener {
public:
    UpstreamCallListener() = default;
    UpstreamCallListener(const UpstreamCallListener&) = delete;
    UpstreamCallListener& operator=(const UpstreamCallListener&) = delete;

    /// There is a connection. The request's head is on its way, and its body may follow.
    virtual void on_call_ready() = 0;
    /// `ends`: of body and trailers, nothing comes but the end.
    virtual void on_call_head(const mesh::Response& head, bool ends) = 0;
    virtual void on_call_body(std::string_view piece) = 0;
    virtual void on_call_end(const mesh::Headers& trailers) = 0;
    /// After 101: what the server says, in whatever protocol; "" is its end.
    virtual void on_call_raw(std::string_view bytes) = 0;
    /// `may_repeat`: the same can be asked again as it is. It is sure that the endpoint has done
    /// nothing of it, or it does no harm, and the failure says nothing about the endpoint.
    virtual void on_call_failed(const UpstreamFailure& failure, bool may_repeat) = 0;
    virtual void on_call_caught_up() = 0; // all that has come so far has been told
    virtual void on_call_drained() = 0;   // it was full, and is not any more

protected:
    ~UpstreamCallListener() = default;
};

/// What is asked of one endpoint. `head` outlives the call, or its `abandon`.
struct UpstreamAsked {
    const Upstream& upstream;
    const mesh::Request& head;
    bool has_body = false; // one follows
    bool fresh = false;    // on a connection of its own: what has waited is likely to be broken
    std::chrono::seconds connect{0}; // within which what is sent is to be acknowledged
};

/// One request on one connection to one endpoint, and its answer, whatever version of HTTP is
/// spoken there. Not to be destroyed by its callbacks (UpstreamPool::bury). Belongs to the loop's
/// thread.
class UpstreamCall {
public:
    UpstreamCall() = default;
    UpstreamCall(const UpstreamCall&) = delete;
    UpstreamCall& operator=(const UpstreamCall&) = delete;
    virtual ~UpstreamCall() = default;

    virtual void begin() = 0;
    /// Ends it, whatever it is doing. No effect once it is over.
    virtual void abandon() = 0;
    /// More of the body; it may be sent with the next `flush` only. Not before it is ready.
    virtual void send_body(std::string_view piece) = 0;
    virtual void end_request(const mesh::Headers& trailers) = 0;
    /// After 101: what the client says, and its end.
    virtual void send_raw(std::string_view bytes) = 0;
    virtual void end_raw() = 0;
    virtual void flush() = 0;
    /// Whether to leave the answer where it is.
    virtual void pause(bool paused) = 0;
    /// Whether whoever feeds it should pause, until it has drained.
    [[nodiscard]] virtual bool full() const = 0;
    [[nodiscard]] virtual std::size_t unsent() const = 0;
    /// Bytes that have left so far: of the request, or at least of its connection.
    [[nodiscard]] virtual std::uint64_t sent_total() const = 0;
};

} // namespace labctl::dataplane
