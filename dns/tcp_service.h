#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "dns/handler.h"
#include "netemu/base/acceptor.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace dns {

class Server;

/// The listeners and connections of a server. A connection takes several queries at a time and
/// answers each when it is ready (RFC 7766 sections 6.2.1.1 and 7).
class TcpService {
public:
    explicit TcpService(Server& server);
    TcpService(const TcpService&) = delete;
    TcpService& operator=(const TcpService&) = delete;
    ~TcpService();

    int add(netemu::UniqueFd listener);
    void remove(int listener);
    [[nodiscard]] std::size_t connections() const { return connections_.size(); }

private:
    struct Connection {
        netemu::UniqueFd fd;
        netemu::Endpoint peer;
        std::string input;
        std::string unsent;
        std::size_t waiting = 0; // queries without an answer yet
        bool finished = false;   // the peer sends no more
        bool corked = false;     // answers are collected rather than sent one by one
        netemu::Clock::time_point last_used;
        netemu::EventLoop::TimerId timer = 0;
        std::uint32_t watched = 0;
    };
    class Replies;
    struct Listener {
        netemu::UniqueFd fd;
        std::unique_ptr<netemu::Acceptor> acceptor; // before the socket is closed
    };

    void accept(int listener);
    void event(const std::shared_ptr<Connection>& connection, std::uint32_t events);
    /// False when the connection has been closed.
    bool read(const std::shared_ptr<Connection>& connection);
    /// Answers and sends as long as there is something to answer and it is taken.
    void pump(const std::shared_ptr<Connection>& connection);
    void take_queries(const std::shared_ptr<Connection>& connection);
    void queue(Connection& connection, Bytes answer);
    void flush(const std::shared_ptr<Connection>& connection);
    void rewatch(Connection& connection);
    void close(Connection& connection);
    void arm(const std::shared_ptr<Connection>& connection);

    Server& server_;
    std::unordered_map<int, Listener> listeners_;
    std::unordered_map<int, std::shared_ptr<Connection>> connections_;
    std::vector<std::uint8_t> output_;
};

} // namespace dns
