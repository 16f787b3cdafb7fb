#pragma once

#include <optional>

#include "labctl/stream/command_peer.h"
#include "labctl/stream/websocket_link.h"
#include "netemu/base/event_loop.h"

namespace labctl::stream {

/// A command's client that speaks v4 or v5.channel.k8s.io: the first byte of each message is the
/// channel of the rest (k8s.io/apimachinery/pkg/util/remotecommand).
class ChannelCommandPeer final : public CommandPeer {
public:
    /// `closes`: the client can close a channel (v5). `link` must outlive this.
    ChannelCommandPeer(
        netemu::EventLoop& loop, WebSocketLink& link, CommandStreams streams, bool closes)
        : loop_(loop), link_(link), streams_(streams), closes_(closes) {}

    void start(Handlers handlers) override;
    void output(OutputChannel channel, std::string_view bytes) override;
    [[nodiscard]] bool congested() const override { return link_.congested(); }
    void pause_input(bool paused) override { link_.pause(paused); }
    void finish(const std::string& status) override;

private:
    void take(std::string_view piece, bool begins, bool ends);
    void take_small(unsigned char channel, std::string_view piece, bool ends);

    netemu::EventLoop& loop_;
    WebSocketLink& link_;
    CommandStreams streams_;
    bool closes_;
    Handlers handlers_;
    std::optional<unsigned char> channel_; // of the message that is coming in
    std::string small_; // so far, of a message that is only understood as a whole
};

} // namespace labctl::stream
