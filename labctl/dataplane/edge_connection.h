#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "labctl/dataplane/client_stream.h"
#include "labctl/dataplane/edge_pod.h"
#include "labctl/dataplane/http_connection.h"
#include "labctl/dataplane/proxied_connection.h"

namespace labctl::dataplane {

/// A client's connection to a pod at the edge: finds out which version of HTTP is spoken on it, by
/// what TLS has agreed on (RFC 7301), or without TLS by the first bytes where the pod takes HTTP/2
/// so. Not to be destroyed by its own callbacks. Belongs to the loop's thread.
class EdgeConnection final : public ProxiedConnection, private ClientListener {
public:
    using Closed = std::function<void(EdgeConnection& connection)>;

    /// `pod` outlives this.
    EdgeConnection(
        netemu::EventLoop& loop,
        EdgePod& pod,
        HttpClient client,
        std::unique_ptr<ClientStream> stream,
        Closed closed);
    EdgeConnection(const EdgeConnection&) = delete;
    EdgeConnection& operator=(const EdgeConnection&) = delete;
    ~EdgeConnection() override = default;

    /// `bytes` have been received from the stream's socket already.
    void start(std::string_view bytes);
    void expire(netemu::Clock::time_point now) override;

private:
    void on_client_bytes(std::string_view bytes) override;
    void on_client_ended() override;
    void on_client_failed(const std::string& why) override;
    void on_client_secured() override;
    void carry(bool http2);
    void look(bool has_ended);
    void close();

    netemu::EventLoop& loop_;
    EdgePod& pod_;
    HttpClient client_;
    Closed closed_;
    std::unique_ptr<ClientStream> stream_; // until it is carried
    std::unique_ptr<HttpConnection> http_;
    std::string held_;    // while it looks
    bool failed_ = false; // TLS has: its alert is on its way
    bool over_ = false;
    netemu::Clock::time_point since_;
};

} // namespace labctl::dataplane
