#pragma once

#include <map>

#include "labctl/stream/forward_peer.h"
#include "labctl/stream/spdy_link.h"

namespace labctl::stream {

/// portforward.k8s.io over SPDY: for each connection the client opens two streams with the headers
/// "streamtype" ("error", then "data"), "port" and "requestid", by which they belong together
/// (k8s.io/kubelet/pkg/cri/streaming/portforward). A connection's number is that of its data
/// stream.
class SpdyForwardPeer final : public ForwardPeer {
public:
    /// `link` must outlive this.
    explicit SpdyForwardPeer(ByteLink& link);

    void start(Handlers handlers) override { handlers_ = std::move(handlers); }
    void output(Connection connection, std::string_view bytes) override;
    void end_of_output(Connection connection) override;
    void close(Connection connection, const std::string& error) override;
    [[nodiscard]] bool congested() const override { return link_.congested(); }
    void pause_input(bool paused) override { link_.pause(paused); }

private:
    void take(SpdyEvent& event);
    void opened(const SpdyEvent& event);

    SpdyLink link_;
    Handlers handlers_;
    std::map<std::string, std::uint32_t> errors_;       // streams by request, until data comes
    std::map<Connection, std::uint32_t> error_streams_; // of connections
};

} // namespace labctl::stream
