#include <string>
#include <utility>

#include "labctl/compile/ingresses.h"
#include "labctl/compile/network.h"
#include "labctl/compile/sidecars.h"
#include "labctl/dataplane/probe_payload.h"
#include "labctl/dataplane/workload.h"
#include "labctl/explain/describe_mesh.h"
#include "labctl/explain/mesh.h"
#include "labctl/explain/mesh_denial.h"
#include "labctl/supervisor/lab.h"
#include "labctl/supervisor/mesh_identities.h"
#include "mesh/http/grpc.h"
#include "mesh/jwt/token.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"

namespace labctl::supervisor {

/// What sidecars go by has become. Tell it before their pods are served.
void Lab::update_sidecars() {
    if (cluster_->config().mesh_profile == "none") {
        return;
    }
    const bool other_authority = mesh_identities_->forget_if_replaced();
    auto table = sidecars_->update();
    if (table || other_authority) {
        tell_sidecars(table ? *std::move(table) : sidecars_->table());
    } else {
        mesh_identities_->publish();
    }
}

void Lab::tell_sidecars(mesh::SidecarTable table) {
    try {
        mesh_identities_->complete(table);
    } catch (const netemu::Error& error) { // the Secret is anybody's to edit
        netemu::log_warning(
            "supervisor", std::string("sidecars have no certificates: ") + error.what());
        table.identities.clear();
    }
    journal_->flush(); // before anybody relies on an authority that is new
    dataplane_->change_sidecars(table);
}

void Lab::start_sidecars() {
    sidecars_ = std::make_unique<compile::Sidecars>(store_, cluster_->config());
    mesh_identities_ = std::make_unique<MeshIdentities>(
        loop_, store_, cluster_->config(), [this] { tell_sidecars(sidecars_->table()); });
    (void)sidecars_->update();
    if (cluster_->config().mesh_profile != "none") {
        tell_sidecars(sidecars_->table());
    }
}

bool Lab::is_service_url(const api::Json& question) const {
    return explain::is_service_url(
        store_,
        cluster_->config(),
        ingresses_->tables(),
        explain::ExplainQuestion::from_json(question));
}

api::Json Lab::describe_mesh(const api::ObjectKey& key) const {
    return explain::describe_mesh(store_, cluster_->config(), sidecars_->table(), key);
}

namespace {

/// What a sidecar does instead of letting something through.
bool looks_denied(const probe::Sample& sample) {
    constexpr int kForbidden = 403;
    constexpr int kUnauthorized = 401; // of a token that is not good
    constexpr int kNotFound = 404;     // of Linkerd: the Server's HTTPRoutes do not take it
    constexpr int kOk = 200;
    constexpr int kPermissionDenied = 7; // in the place of 403, of gRPC
    constexpr int kUnauthenticated = 16; // and of 401
    if (!sample.http || !sample.backend.empty()) {
        return sample.outcome == probe::Outcome::Reset;
    }
    if (sample.grpc && sample.http->status == kOk) {
        const auto& said = sample.grpc->message;
        return (sample.grpc->status == kPermissionDenied &&
                (said.empty() || said == "RBAC: access denied" ||
                 mesh::is_jwt_status_text(said))) ||
               (sample.grpc->status == kUnauthenticated && mesh::is_jwt_status_text(said));
    }
    const auto& answer = *sample.http;
    const bool refused = (answer.status == kForbidden &&
                          (answer.body.empty() || answer.body == "RBAC: access denied")) ||
                         (answer.status == kNotFound && answer.body.empty()) ||
                         ((answer.status == kUnauthorized || answer.status == kForbidden) &&
                          mesh::is_jwt_status_text(answer.body));
    return sample.outcome == probe::Outcome::Reset || refused;
}

/// The addresses of whoever sends from a pod, a node or the external host.
std::vector<std::string> sender_addresses(
    const store::Store& store, const compile::ClusterConfig& config, const std::string& from) {
    std::vector<std::string> addresses;
    if (from == compile::kExternalNamespace) {
        for (const auto& address : compile::external_addresses(config)) {
            addresses.push_back(address.address.to_string());
        }
        return addresses;
    }
    const bool node = from.starts_with("node/");
    const auto slash = from.find('/');
    const auto object = node ? store.get({"Node", {}, from.substr(slash + 1)})
                             : store.get({"Pod", from.substr(0, slash), from.substr(slash + 1)});
    if (!object) {
        return addresses;
    }
    for (const auto& entry : api::at(object->body, node ? "status.addresses" : "status.podIPs")) {
        addresses.push_back(api::string_at(entry, node ? "address" : "ip"));
    }
    return addresses;
}

} // namespace

explain::MeshAttempt Lab::mesh_attempt(
    const dataplane::ResolvedRequest& resolved, const netemu::Endpoint& remote) const {
    const auto& request = resolved.request;
    explain::MeshAttempt attempt;
    attempt.from = request.from;
    attempt.remote = remote;
    for (const auto& text : sender_addresses(store_, cluster_->config(), request.from)) {
        const auto address = netemu::IpAddress::parse(text);
        if (address && address->family() == remote.address.family()) {
            attempt.source = *address;
        }
    }
    if (!probe::is_http(request.to.scheme)) { // it asks who has taken the connection
        attempt.target = dataplane::kWhoamiPath;
        attempt.authority = "labctl";
        return attempt;
    }
    const bool grpc = request.to.scheme == probe::Scheme::Grpc;
    attempt.method = grpc ? "POST" : request.method;
    attempt.target = request.to.path;
    attempt.authority = dataplane::host_field(resolved);
    for (const auto& [name, value] : request.headers) {
        attempt.headers.add(name, value);
    }
    if (const auto* host = attempt.headers.find("host")) {
        attempt.authority = *host;
    }
    if (grpc && !attempt.headers.has("content-type")) {
        attempt.headers.add("content-type", std::string(mesh::kGrpcContentType));
    }
    return attempt;
}

/// Where a sidecar has ended a connection or answered 401 or 403, and the policies say so too, they
/// are the rule that the probe has met.
void Lab::name_denials(
    const std::vector<dataplane::ResolvedRequest>& requests,
    std::vector<probe::Result>& results) const {
    std::optional<explain::MeshDenials> denials; // only if there are any
    for (std::size_t i = 0; i < results.size() && i < requests.size(); ++i) {
        auto& result = results[i];
        const auto remote = netemu::Endpoint::parse(result.first.remote);
        if (!remote || !looks_denied(result.first)) {
            continue;
        }
        if (!denials) {
            denials.emplace(store_, sidecars_->table());
        }
        const auto denial = denials->of(mesh_attempt(requests[i], *remote));
        if (!denial) {
            continue;
        }
        probe::Drop drop;
        drop.direction = "ingress";
        drop.by = denial->by;
        drop.policies = denial->policies;
        drop.text = denial->text;
        result.first.drop = std::move(drop);
        result.dropped = result.outcomes.size() == 1 ? result.attempts : 1;
    }
}

} // namespace labctl::supervisor
