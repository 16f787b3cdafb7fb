#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "labctl/stream/forward_peer.h"
#include "netemu/base/event_loop.h"

namespace labctl::stream {

class ForwardedConnection;

/// Connections of a client to ports of a pod, made in this process's network namespace:
/// `kubectl port-forward`. To 127.0.0.1, or to ::1 where nobody listens there, as container
/// runtimes do it (containerd, internal/cri/server/sandbox_portforward_linux.go).
class ForwardSession {
public:
    /// `pod` is for people: "default/web-1". Stops the loop when it is over.
    ForwardSession(netemu::EventLoop& loop, ForwardPeer& peer, std::string pod);
    ForwardSession(const ForwardSession&) = delete;
    ForwardSession& operator=(const ForwardSession&) = delete;
    ~ForwardSession();

    /// To be called before the loop runs.
    void begin();

private:
    using Number = ForwardPeer::Connection;

    void open(Number number, std::uint16_t port);
    void closed(Number number, const std::string& error);
    void settle_input();

    netemu::EventLoop& loop_;
    ForwardPeer& peer_;
    std::string pod_;
    std::map<Number, std::unique_ptr<ForwardedConnection>> connections_;
    std::vector<std::unique_ptr<ForwardedConnection>> dead_; // until the loop is back
};

} // namespace labctl::stream
