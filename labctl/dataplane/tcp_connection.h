#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/dataplane/pod.h"
#include "mesh/http/h2_session.h"
#include "mesh/http/parser.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// One connection to a built-in workload: finds out whether the client speaks HTTP/1, HTTP/2 or
/// neither, and answers or echoes. Never sends first, never blocks; reads no more while what it has
/// to send is not taken.
class TcpConnection {
public:
    /// Called when the connection has ended; must not destroy it before the next turn of the loop.
    using CloseCallback = std::function<void(TcpConnection& connection)>;

    /// What accept(2) gave, and on which port of which pod.
    struct Accepted {
        netemu::UniqueFd socket;
        std::shared_ptr<ServedPod> pod;
        std::uint16_t port = 0;
        netemu::Endpoint client;
    };

    TcpConnection(netemu::EventLoop& loop, Accepted accepted, CloseCallback on_close);
    TcpConnection(const TcpConnection&) = delete;
    TcpConnection& operator=(const TcpConnection&) = delete;
    ~TcpConnection();

    /// Begins to serve; `bytes` have been read from the socket already.
    void start(std::string_view bytes);
    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] const ServedPod& pod() const { return *pod_; }
    /// Ends the connection if nothing has happened for too long.
    void expire(netemu::Clock::time_point now);
    void close();

private:
    enum class Mode { Sniffing, Http1, Http2, Echo, Draining };

    void on_events(std::uint32_t events);
    void read();
    void take(std::string_view bytes);
    void take_first(std::string_view bytes);
    void become(Mode mode);
    void take_http1(std::string_view bytes);
    void serve_request();
    void answer(const mesh::Request& request, bool keep_alive);
    bool upgrade_to_http2(const mesh::Request& request);
    void take_http2(std::string_view bytes);
    void answer_stream(std::int32_t stream, const mesh::Request& request);
    [[nodiscard]] mesh::Response refuse_large(const mesh::Request& head) const;
    void refuse(int status, const std::string& text);
    void resume();

    void send(std::string_view bytes);
    void flush();
    void close_when_sent();
    void watch();
    [[nodiscard]] bool wants_input() const;
    [[nodiscard]] Exchange exchange() const;
    [[nodiscard]] bool takes_grpc(const mesh::Request& request) const;
    [[nodiscard]] Answer answer_of(const mesh::Request& request) const;
    void log(const mesh::Request& request, const mesh::Response& response);
    void later(std::chrono::milliseconds delay, std::function<void()> action);

    netemu::EventLoop& loop_;
    netemu::UniqueFd socket_;
    std::shared_ptr<ServedPod> pod_;
    std::uint16_t port_;
    netemu::Endpoint client_;
    CloseCallback on_close_;

    Mode mode_ = Mode::Sniffing;
    std::string held_; // first bytes while sniffing; pipelined requests while an answer is delayed
    std::string out_;
    std::size_t sent_ = 0;
    std::uint32_t watched_ = 0;
    bool input_ended_ = false;
    bool closing_ = false;   // once everything is sent
    bool continued_ = false; // "100 Continue" was sent for this request
    bool answer_pending_ = false;
    netemu::EventLoop::TimerId sniff_timer_ = 0;
    std::vector<netemu::EventLoop::TimerId> timers_;
    netemu::Clock::time_point last_active_;
    std::unique_ptr<mesh::RequestParser> parser_;
    std::unique_ptr<mesh::H2ServerSession> session_;
};

} // namespace labctl::dataplane
