#pragma once

#include <optional>
#include <vector>

#include "labctl/stream/forward_peer.h"
#include "labctl/stream/websocket_link.h"
#include "netemu/base/event_loop.h"

namespace labctl::stream {

/// Port forwarding as v4.channel.k8s.io has it, for clients that speak no SPDY (Kubernetes' clients
/// for Python and JavaScript): the request names the ports, each has one connection, and of the
/// n-th (from 0) channel 2n carries data and 2n+1 errors. Each channel begins with the port, 16
/// bits, the lower ones first (k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go). There is
/// no way to end one half of a connection.
class ChannelForwardPeer final : public ForwardPeer {
public:
    /// A channel's number is one byte.
    static constexpr std::size_t kPortsMax = 128;

    /// `link` must outlive this; at most kPortsMax ports.
    ChannelForwardPeer(
        netemu::EventLoop& loop, WebSocketLink& link, std::vector<std::uint16_t> ports)
        : loop_(loop), link_(link), ports_(std::move(ports)) {}

    void start(Handlers handlers) override;
    void output(Connection connection, std::string_view bytes) override;
    void end_of_output(Connection /*connection*/) override {}
    void close(Connection connection, const std::string& error) override;
    [[nodiscard]] bool congested() const override { return link_.congested(); }
    void pause_input(bool paused) override { link_.pause(paused); }

private:
    void begin();
    void take(std::string_view piece, bool begins);

    netemu::EventLoop& loop_;
    WebSocketLink& link_;
    std::vector<std::uint16_t> ports_;
    Handlers handlers_;
    std::optional<unsigned char> channel_; // of the message that is coming in
    std::size_t closed_ = 0;               // connections
    bool begun_ = false;
};

} // namespace labctl::stream
