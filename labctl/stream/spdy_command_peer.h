#pragma once

#include <map>
#include <string>

#include "labctl/stream/command_peer.h"
#include "labctl/stream/spdy_link.h"
#include "netemu/base/event_loop.h"

namespace labctl::stream {

/// A command's client that speaks v4.channel.k8s.io over SPDY: a stream for each channel, named by
/// the header "streamtype" (k8s.io/kubelet/pkg/cri/streaming/remotecommand). For kubectl before
/// 1.31, and as what newer ones fall back to.
class SpdyCommandPeer final : public CommandPeer {
public:
    /// `link` must outlive this.
    SpdyCommandPeer(netemu::EventLoop& loop, ByteLink& link, CommandStreams streams);

    void start(Handlers handlers) override;
    void output(OutputChannel channel, std::string_view bytes) override;
    [[nodiscard]] bool congested() const override { return link_.congested(); }
    void pause_input(bool paused) override { link_.pause(paused); }
    void finish(const std::string& status) override;

private:
    static constexpr int kStreamsSeconds = 30; // for the client to open them all

    void take(SpdyEvent& event);
    void opened(SpdyEvent& event);
    void take_resize(std::string_view bytes);
    [[nodiscard]] std::uint32_t stream(const std::string& type) const;

    netemu::EventLoop& loop_;
    SpdyLink link_;
    Handlers handlers_;
    std::map<std::string, std::uint32_t> streams_; // by type; 0: not open yet
    std::size_t missing_ = 0;
    std::string size_; // the beginning of a terminal's size
    netemu::EventLoop::TimerId timer_ = 0;
};

} // namespace labctl::stream
