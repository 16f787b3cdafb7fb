#include "labctl/stream/forward_session.h"

#include <algorithm>

#include "labctl/stream/forwarded_connection.h"

namespace labctl::stream {

ForwardSession::ForwardSession(netemu::EventLoop& loop, ForwardPeer& peer, std::string pod)
    : loop_(loop), peer_(peer), pod_(std::move(pod)) {
}

ForwardSession::~ForwardSession() = default;

void ForwardSession::begin() {
    const auto with = [this](Number number, const auto& use) {
        const auto found = connections_.find(number);
        if (found != connections_.end()) {
            use(*found->second);
            settle_input();
        }
    };
    peer_.start(
        {[this](Number number, std::uint16_t port) { open(number, port); },
         [with](Number number, std::string_view bytes) {
             with(number, [bytes](ForwardedConnection& each) { each.input(bytes); });
         },
         [with](Number number) {
             with(number, [](ForwardedConnection& each) { each.end_input(); });
         },
         [this](Number number) {
             connections_.erase(number);
             settle_input();
         },
         [this] {
             for (auto& [number, connection] : connections_) {
                 connection->read_output(true);
             }
         },
         [this] { loop_.stop(); }});
}

void ForwardSession::open(Number number, std::uint16_t port) {
    auto& connection = connections_[number];
    connection = std::make_unique<ForwardedConnection>(
        loop_,
        port,
        ForwardedConnection::Handlers{
            [this, number](std::string_view bytes) {
                peer_.output(number, bytes);
                if (peer_.congested()) {
                    for (auto& [each, other] : connections_) {
                        other->read_output(false);
                    }
                }
            },
            [this, number] { peer_.end_of_output(number); },
            [this] { settle_input(); },
            [this, number, port](const std::string& error) {
                closed(
                    number,
                    error.empty() ? error
                                  : "error forwarding port " + std::to_string(port) + " to pod " +
                                        pod_ + ": " + error);
            }});
    connection->connect();
}

/// Its connection may be the one that calls, so it lives until the loop is back.
void ForwardSession::closed(Number number, const std::string& error) {
    const auto found = connections_.find(number);
    if (found == connections_.end()) {
        return;
    }
    if (dead_.empty()) {
        loop_.after(std::chrono::microseconds(0), [this] { dead_.clear(); });
    }
    dead_.push_back(std::move(found->second));
    connections_.erase(found);
    peer_.close(number, error);
    settle_input();
}

/// One client has one connection, so a port that takes nothing holds up the others, as on a
/// cluster.
void ForwardSession::settle_input() {
    peer_.pause_input(std::any_of(connections_.begin(), connections_.end(), [](const auto& each) {
        return each.second->full();
    }));
}

} // namespace labctl::stream
