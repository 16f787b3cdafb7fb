#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::stream {

/// One TCP connection to a port of this network namespace's loopback. All on the loop's thread; a
/// handler may not destroy it.
class ForwardedConnection {
public:
    struct Handlers {
        std::function<void(std::string_view bytes)> output;
        std::function<void()> end_of_output;
        std::function<void()> input_taken; // it is full no more
        /// Called once: both halves have ended, or there is no connection; `error` says why not.
        std::function<void(const std::string& error)> closed;
    };

    /// Input that the port has not taken yet: more, and the client has to wait.
    static constexpr std::size_t kInputBytesMax = 256U << 10U;

    ForwardedConnection(netemu::EventLoop& loop, std::uint16_t port, Handlers handlers);
    ForwardedConnection(const ForwardedConnection&) = delete;
    ForwardedConnection& operator=(const ForwardedConnection&) = delete;
    ~ForwardedConnection();

    /// Calls `closed` at once where it fails at once.
    void connect();
    void input(std::string_view bytes);
    void end_input();
    [[nodiscard]] bool full() const { return input_.size() > kInputBytesMax; }
    void read_output(bool reads);

private:
    enum class State : unsigned char { Connecting, Open, Closed };

    bool try_connect(bool over_ipv6);
    void on_event(std::uint32_t events);
    void connected();
    void refused(int error);
    void read_some();
    void write_some();
    void watch();
    void close(const std::string& error);
    void forget_socket();
    [[nodiscard]] int take_error() const;

    netemu::EventLoop& loop_;
    std::uint16_t port_;
    Handlers handlers_;
    State state_ = State::Connecting;
    bool over_ipv6_ = false;
    int first_error_ = 0; // of IPv4
    netemu::UniqueFd fd_;
    std::string input_;
    bool input_ended_ = false;
    bool output_ended_ = false;
    bool reads_ = true;
};

} // namespace labctl::stream
