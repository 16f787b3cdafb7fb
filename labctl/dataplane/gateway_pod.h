#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "labctl/dataplane/edge_pod.h"
#include "labctl/dataplane/sidecar_mirrors.h"
#include "mesh/istio/traffic.h"
#include "services/gateway.h"

namespace mesh {
class TlsIdentity;
} // namespace mesh

namespace labctl::dataplane {

/// What the pods of one Gateway answer from, as the child uses it.
struct GatewayRules {
    services::GatewayTable table;
    std::map<std::string, mesh::istio::Regex> expressions; // of its matches, by their text
    std::vector<std::shared_ptr<const mesh::TlsIdentity>>
        identities; // of its certificates; may be null
    std::map<std::uint16_t, std::shared_ptr<const mesh::TlsServerConfig>> tls; // by port
    std::shared_ptr<const mesh::TlsServerConfig> nobody; // where no listener speaks TLS
};

/// Rules that answer from a table, with their side of TLS: a client is shown a certificate of the
/// listener that its SNI chooses, and where there is none the handshake ends (unrecognized_name),
/// as behind real gateways. What `before` has read already is used again; it may be nullptr.
/// Throws netemu::Error if OpenSSL fails.
[[nodiscard]] std::shared_ptr<const GatewayRules>
make_gateway_rules(services::GatewayTable table, const GatewayRules* before);

/// One pod of a Gateway, in the child. Belongs to the loop's thread.
class GatewayPod final : public EdgePod {
public:
    GatewayPod(
        netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, UpstreamPool::Sockets sockets);
    GatewayPod(const GatewayPod&) = delete;
    GatewayPod& operator=(const GatewayPod&) = delete;
    ~GatewayPod() override;

    /// Requests that have been routed go on.
    void set_rules(std::shared_ptr<const GatewayRules> rules);

    [[nodiscard]] std::shared_ptr<const mesh::TlsServerConfig>
    tls(std::uint16_t port) const override;
    [[nodiscard]] bool takes_h2c() const override { return true; }
    void expire(netemu::Clock::time_point now) override;
    [[nodiscard]] bool busy() const override;
    [[nodiscard]] Decision decide(const mesh::Request& request, const HttpClient& client) override;

    /// Sends a copy of a request to an endpoint of the mirror, if it is one of its share.
    void mirror(
        const GatewayRules& rules,
        const services::GatewayMirror& mirror,
        const mesh::Request& request);

private:
    void answer_by_rule(
        Decision& decision,
        const services::GatewayDecision& routed,
        const services::GatewayFacts& facts,
        const mesh::Request& request,
        const HttpClient& client);
    void send_to_backend(
        Decision& decision,
        const services::GatewayEntry& entry,
        const mesh::Request& request,
        const HttpClient& client);
    [[nodiscard]] std::uint64_t draw(std::uint64_t below);

    std::shared_ptr<const GatewayRules> rules_;
    SidecarMirrors mirrors_;
    std::mt19937_64 random_;
};

} // namespace labctl::dataplane
