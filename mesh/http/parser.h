#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "mesh/http/message.h"
#include "netemu/base/limits.h"

/// Incremental HTTP/1.x parsers (RFC 9112), client and server side. They take bytes in pieces of
/// any size, do no I/O and never throw on what a peer sends: a bad message is a value (`failed()`),
/// after which the connection must be closed. Every ambiguity that two parsers could read
/// differently is refused rather than repaired.
namespace mesh {

struct ParserOptions {
    std::size_t head_bytes_max = netemu::limits::kHttpHeaderBytesMax;
    std::size_t body_bytes_max = netemu::limits::kHttpBodyBytesMax;
    std::size_t fields_max = 128;
    /// Accept LF for CRLF within the head, as RFC 9112 section 2.2 allows: for people who type into
    /// nc.
    bool bare_lf = false;
};

/// Why a message was refused. `status` is what a server answers with before it closes.
struct ParseError {
    int status = 0;
    std::string text;
};

/// What requests and responses have in common: head, framing, body. Use RequestParser or
/// ResponseParser.
///
/// Feed bytes until `complete()` or `failed()`. `feed` stops behind a complete message and returns
/// how many bytes it has used: the rest belongs to the next message (or protocol).
class MessageParser {
public:
    using BodySink = std::function<void(std::string_view piece)>;

    std::size_t feed(std::string_view bytes);

    [[nodiscard]] bool idle() const { return state_ == State::Head && head_.empty() && !seen_; }
    [[nodiscard]] bool head_complete() const {
        return state_ != State::Head && state_ != State::Failed;
    }
    [[nodiscard]] bool complete() const { return state_ == State::Complete; }
    [[nodiscard]] bool failed() const { return state_ == State::Failed; }
    [[nodiscard]] const ParseError& error() const { return error_; }
    /// Whether another message may follow on this connection (RFC 9112 section 9.3). Known with the
    /// head.
    [[nodiscard]] bool keep_alive() const { return keep_alive_ && !failed(); }
    /// Hands each piece of the body to `sink` as it arrives instead of collecting it in the
    /// message; the limit on the body's size then does not apply. Set before the first byte of the
    /// message, until `take`. For streams.
    void on_body(BodySink sink) { sink_ = std::move(sink); }

protected:
    enum class State {
        Head,
        Sized,
        UntilClose,
        ChunkSize,
        ChunkData,
        ChunkEnd,
        Trailers,
        Complete,
        Failed
    };
    enum class Framing { None, Sized, Chunked, UntilClose, Interim };

    explicit MessageParser(ParserOptions options) : options_(options) {}
    MessageParser(const MessageParser&) = default;
    MessageParser(MessageParser&&) = default;
    MessageParser& operator=(const MessageParser&) = default;
    MessageParser& operator=(MessageParser&&) = default;
    virtual ~MessageParser() = default;

    /// The first line; calls `fail` if it is not one.
    virtual void start_line(std::string_view line) = 0;
    /// Calls `fail` if an incomplete head that begins with `bytes` cannot become one: for giving up
    /// early.
    virtual void check_begin(std::string_view bytes) = 0;
    /// Called when all fields are read; returns how the body is framed, or calls `fail`.
    virtual Framing framing() = 0;
    virtual Headers& headers() = 0;
    virtual Headers& trailers() = 0;
    virtual std::string& body() = 0;

    void fail(int status, std::string text);
    void reset();
    /// Framing by Transfer-Encoding and Content-Length alone; `neither` when there is none of them.
    Framing framing_of_fields(int version_minor, Framing neither);
    void decide_keep_alive(int version_minor);
    void end_of_input();
    void set_length(std::uint64_t length) { remaining_ = length; }
    [[nodiscard]] bool starts_body() const;

private:
    std::size_t feed_head(std::string_view bytes);
    void read_head(std::string_view head);
    void field_line(std::string_view line, Headers& into);
    void begin_body();
    std::size_t feed_body(std::string_view bytes);
    std::size_t feed_line(std::string_view bytes);
    void chunk_size_line(std::string_view line);
    void trailer_line(std::string_view line);
    void take_body(std::string_view piece);
    Framing content_length();

    ParserOptions options_;
    State state_ = State::Head;
    std::string head_;        // of an incomplete head, or an incomplete chunk-size or trailer line
    bool seen_ = false;       // an empty line or an interim response before it has been skipped
    std::size_t interim_ = 0; // interim responses skipped
    std::size_t scanned_ = 0; // bytes of head_ that hold no end of head
    std::size_t trailer_bytes_ = 0;
    std::uint64_t remaining_ = 0;
    std::uint64_t body_bytes_ = 0;
    bool keep_alive_ = true;
    ParseError error_;
    BodySink sink_;
};

/// The server's side.
class RequestParser final : public MessageParser {
public:
    explicit RequestParser(ParserOptions options = {}) : MessageParser(options) {}

    /// Valid when `head_complete()`; the body when `complete()`.
    [[nodiscard]] const Request& request() const { return request_; }
    /// Whether the client waits for "100 Continue" before it sends the body (RFC 9110
    /// section 10.1.1).
    [[nodiscard]] bool wants_continue() const;
    /// Moves the complete request out and makes ready for the next one on this connection.
    Request take();

private:
    void start_line(std::string_view line) override;
    void check_begin(std::string_view bytes) override;
    Framing framing() override;
    Headers& headers() override { return request_.headers; }
    Headers& trailers() override { return request_.trailers; }
    std::string& body() override { return request_.body; }

    Request request_;
};

/// The client's side. Interim (1xx) responses are skipped; 101 is a final one, and what follows it
/// is not HTTP.
class ResponseParser final : public MessageParser {
public:
    /// `method` of the request that is being answered: a response to HEAD has no body.
    explicit ResponseParser(std::string method = "GET", ParserOptions options = {})
        : MessageParser(options), method_(std::move(method)) {}

    [[nodiscard]] const Response& response() const { return response_; }
    /// Tells that the peer has closed: completes a body that ends there, fails any other incomplete
    /// message.
    void finish() { end_of_input(); }
    /// Moves the complete response out and makes ready for the answer to a request with
    /// `next_method`.
    Response take(std::string next_method = "GET");

private:
    void start_line(std::string_view line) override;
    void check_begin(std::string_view bytes) override;
    Framing framing() override;
    Headers& headers() override { return response_.headers; }
    Headers& trailers() override { return response_.trailers; }
    std::string& body() override { return response_.body; }

    std::string method_;
    Response response_;
};

} // namespace mesh
