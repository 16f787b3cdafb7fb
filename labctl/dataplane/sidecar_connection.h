#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "labctl/dataplane/client_stream.h"
#include "labctl/dataplane/http_connection.h"
#include "labctl/dataplane/proxied_connection.h"
#include "labctl/dataplane/sidecar_pod.h"
#include "labctl/dataplane/tcp_relay.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// A connection that a pod's netfilter rules have led to its sidecar: finds out what is spoken on
/// it (mutual TLS of the mesh, HTTP, or anything else), whether it is let in, and has it carried on
/// accordingly. Reference 3 (modes), 4.5 (what is denied), 6.4 (protocols). Not to be destroyed by
/// its own callbacks. Belongs to the loop's thread.
class SidecarConnection final : public ProxiedConnection, private ClientListener {
public:
    struct Accepted {
        netemu::UniqueFd socket;
        netemu::Endpoint client;
        netemu::Endpoint target; // where the client meant to connect to
        bool inbound = false;
    };
    using Closed = std::function<void(SidecarConnection& connection)>;

    /// `pod` outlives this.
    SidecarConnection(netemu::EventLoop& loop, SidecarPod& pod, Accepted accepted, Closed closed);
    SidecarConnection(const SidecarConnection&) = delete;
    SidecarConnection& operator=(const SidecarConnection&) = delete;
    ~SidecarConnection() override;

    void start();
    /// Plaintext that has been let in and is not any more: its next request is not. (TCP is let in
    /// once.)
    void rules_changed();
    void expire(netemu::Clock::time_point now) override;

private:
    enum class Phase : std::uint8_t {
        Looking,   // at the first bytes of the socket
        Handshake, // mutual TLS
        LookingIn, // at the first bytes within TLS
        Failed,    // TLS has: its alert is on its way
        CarriedOn, // by http_ or relay_
        Closed,
    };

    void on_client_bytes(std::string_view bytes) override;
    void on_client_ended() override;
    void on_client_failed(const std::string& why) override;
    void on_client_secured() override;

    void look();
    void decide_outbound(bool patience_is_over);
    void decide_inbound(bool patience_is_over);
    void decide_inbound_of_linkerd(const mesh::SidecarWorkload& workload, bool patience_is_over);
    void decide_plaintext(bool patience_is_over);
    void look_within(bool patience_is_over);
    void wait_at_most(std::chrono::milliseconds time);
    void stop_looking();
    void begin_tls();
    void take_identity();

    void carry_http(bool http2);
    void carry_bytes(const std::string& what);
    [[nodiscard]] std::chrono::milliseconds inbound_patience() const;
    void refuse(const std::string& why);
    void close();

    netemu::EventLoop& loop_;
    SidecarPod& pod_;
    netemu::UniqueFd socket_;
    HttpClient client_;
    bool inbound_;
    Closed closed_;
    Phase phase_ = Phase::Looking;
    mesh::SidecarProtocol protocol_ = mesh::SidecarProtocol::Detect;
    std::string held_; // that has come, and nobody has had
    bool ended_ = false;
    netemu::EventLoop::TimerId timer_ = 0;
    netemu::Clock::time_point since_;
    std::unique_ptr<ClientStream> stream_;
    std::unique_ptr<HttpConnection> http_;
    std::unique_ptr<TcpRelay> relay_;
    std::shared_ptr<void> lease_;
};

} // namespace labctl::dataplane
