#pragma once

#include <memory>
#include <vector>

#include "labctl/dataplane/edge_pod.h"

namespace mesh {
class TlsIdentity;
} // namespace mesh

namespace labctl::dataplane {

/// What the controllers of one class answer from, as the child uses it.
struct IngressRules {
    services::IngressTable table;
    std::vector<std::shared_ptr<const mesh::TlsIdentity>>
        identities;                               // of its certificates; may be null
    std::shared_ptr<const mesh::TlsIdentity> own; // for names that none is for
    std::shared_ptr<const mesh::TlsServerConfig> tls;
};

/// One pod that is an Ingress controller, in the child: its rules. Belongs to the loop's thread.
class IngressPod final : public EdgePod {
public:
    IngressPod(
        netemu::EventLoop& loop, std::shared_ptr<ServedPod> pod, UpstreamPool::Sockets sockets);
    IngressPod(const IngressPod&) = delete;
    IngressPod& operator=(const IngressPod&) = delete;
    ~IngressPod() override;

    [[nodiscard]] const std::shared_ptr<const IngressRules>& rules() const { return rules_; }
    /// Requests that have been routed go on.
    void set_rules(std::shared_ptr<const IngressRules> rules);

    [[nodiscard]] std::shared_ptr<const mesh::TlsServerConfig>
    tls(std::uint16_t port) const override;
    /// ingress-nginx has HTTP/2 on its port of TLS only.
    [[nodiscard]] bool takes_h2c() const override { return false; }
    [[nodiscard]] Decision decide(const mesh::Request& request, const HttpClient& client) override;

private:
    std::shared_ptr<const IngressRules> rules_;
};

} // namespace labctl::dataplane
