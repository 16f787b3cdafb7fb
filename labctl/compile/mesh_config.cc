#include "labctl/compile/mesh_config.h"

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/sidecar_objects.h"
#include "mesh/spiffe/id.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

constexpr std::uint64_t kMicrosPerSecond = 1'000'000;
constexpr std::uint64_t kCertificateSecondsMin = 2;

} // namespace

void read_mesh(ClusterConfig& config, const api::Json& mesh) {
    config.mesh_profile = api::string_at(mesh, "profile", config.mesh_profile);
    if (config.mesh_profile != "none" && config.mesh_profile != kMeshProfileIstio &&
        config.mesh_profile != kMeshProfileLinkerd) {
        throw netemu::UsageError(
            "spec.mesh.profile: '" + config.mesh_profile + "' is not one of none, istio, linkerd");
    }
    auto& policy = config.mesh_default_inbound_policy;
    policy = api::string_at(mesh, "defaultInboundPolicy", policy);
    if (!mesh::linkerd::parse_default_policy(policy)) {
        throw netemu::UsageError(
            "spec.mesh.defaultInboundPolicy: '" + policy + "' is no default policy of Linkerd");
    }
    config.mesh_trust_domain = api::string_at(mesh, "trustDomain", config.mesh_trust_domain);
    if (const auto problem = mesh::trust_domain_problem(config.mesh_trust_domain);
        !problem.empty()) {
        throw netemu::UsageError("spec.mesh.trustDomain: " + problem);
    }
    const auto lifetime = api::string_at(mesh, "certificateLifetime");
    if (lifetime.empty()) {
        return;
    }
    const auto micros = netemu::parse_duration_us(lifetime);
    if (!micros || *micros < kCertificateSecondsMin * kMicrosPerSecond) {
        throw netemu::UsageError(
            "spec.mesh.certificateLifetime: '" + lifetime + "' is no duration of 2s or more");
    }
    config.mesh_certificate_lifetime =
        std::chrono::seconds(static_cast<std::int64_t>(*micros / kMicrosPerSecond));
}

} // namespace labctl::compile
