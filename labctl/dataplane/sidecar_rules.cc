#include "labctl/dataplane/sidecar_rules.h"

#include <utility>

#include "mesh/tls/certificate.h"
#include "mesh/tls/config.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

/// What Istio's clients offer, and by what its servers tell the mesh's TLS from the application's
/// own (istio/istio:pilot/pkg/networking/core/filterchain_options.go).
constexpr const char* kMeshAlpn = "istio";

/// The authorities of all trust domains: with Linkerd there is one.
std::string all_authorities(const mesh::SidecarTable& table) {
    std::string pem;
    for (const auto& [domain, bundle] : table.bundles) {
        pem += bundle;
    }
    return pem;
}

std::shared_ptr<const mesh::TlsIdentity> read_identity(const mesh::SidecarIdentity& identity) {
    try {
        return mesh::TlsIdentity::parse(identity.chain_pem, identity.key_pem);
    } catch (const netemu::Error&) {
        return nullptr;
    }
}

/// Settings that make no sense are none: connections that need them are refused.
template <typename Make>
auto made(const Make& make) -> decltype(make()) {
    try {
        return make();
    } catch (const netemu::Error&) {
        return nullptr;
    }
}

} // namespace

std::shared_ptr<const SidecarRules>
SidecarRules::make(mesh::SidecarTable table, const SidecarRules* before) {
    auto rules = std::make_shared<SidecarRules>();
    rules->table_ = std::move(table);
    const auto& services = rules->table_.services;
    for (std::size_t i = 0; i < services.size(); ++i) {
        for (const auto& address : services[i].addresses) {
            rules->services_.emplace(address, i);
        }
        for (const auto& endpoint : services[i].endpoints) {
            rules->endpoints_.insert(endpoint.address);
        }
        if (!rules->table_.virtual_services.empty()) {
            rules->clusters_.emplace(services[i].name, i);
        }
    }
    for (const auto& [name, labels] : rules->table_.pods) {
        for (const auto& address : labels.addresses) {
            rules->pods_.emplace(address, name);
        }
    }
    const bool same_roots = before != nullptr && before->table_.bundles == rules->table_.bundles;
    for (const auto& [name, identity] : rules->table_.identities) {
        if (same_roots) {
            const auto known = before->accounts_.find(name);
            if (known != before->accounts_.end() && known->second->source == identity) {
                rules->accounts_.insert(*known);
                continue;
            }
        }
        auto account = std::make_shared<Account>();
        account->source = identity;
        account->identity = read_identity(identity);
        rules->accounts_.emplace(name, std::move(account));
    }
    rules->drop_unused();
    return rules;
}

/// Settings for servers that no Service has any more: an account outlives many tables.
void SidecarRules::drop_unused() const {
    std::set<std::vector<std::string>> used;
    if (of_linkerd()) { // one for all servers, whose names are asked for
        used.emplace();
    }
    for (const auto& service : table_.services) {
        used.insert(service.server_ids);
    }
    for (const auto& [name, account] : accounts_) {
        std::erase_if(
            account->clients, [&used](const auto& entry) { return !used.contains(entry.first); });
    }
}

const mesh::SidecarService* SidecarRules::service(const netemu::Endpoint& target) const {
    const auto found = services_.find(target);
    return found == services_.end() ? service_of_peer(target) : &table_.services[found->second];
}

const mesh::SidecarService* SidecarRules::cluster(const std::string& name) const {
    const auto found = clusters_.find(name);
    return found == clusters_.end() ? nullptr : &table_.services[found->second];
}

const mesh::SidecarService* SidecarRules::service_of_peer(const netemu::Endpoint& target) const {
    of_peer_ = mesh::service_of_peer(table_, target);
    return of_peer_ ? &*of_peer_ : nullptr;
}

const mesh::SidecarWorkload* SidecarRules::workload(const std::string& pod) const {
    const auto found = table_.workloads.find(pod);
    return found == table_.workloads.end() ? nullptr : &found->second;
}

std::string SidecarRules::pod_at(const netemu::IpAddress& address) const {
    const auto found = pods_.find(address);
    return found == pods_.end() ? std::string() : found->second;
}

std::string_view
SidecarRules::host_of(const std::string& pod, const netemu::Endpoint& endpoint) const {
    for (const auto& service : table_.services) {
        for (const auto& each : service.endpoints) {
            if (each.address == endpoint && each.pod == pod) {
                return mesh::service_host(service.name);
            }
        }
    }
    return {};
}

std::optional<std::int64_t> SidecarRules::expiry(const std::string& name) const {
    const auto* const known = account(name);
    return known == nullptr ? std::nullopt
                            : std::optional(static_cast<std::int64_t>(
                                  known->identity->facts().not_after.time_since_epoch().count()));
}

std::vector<mesh::istio::AuthorizationPolicy>
SidecarRules::policies(const mesh::SidecarWorkload& workload) const {
    std::vector<mesh::istio::AuthorizationPolicy> policies;
    policies.reserve(workload.policies.size());
    for (const auto index : workload.policies) {
        policies.push_back(table_.policies.at(index));
    }
    return policies;
}

SidecarRules::Account* SidecarRules::account(const std::string& name) const {
    const auto found = accounts_.find(name);
    return found == accounts_.end() || !found->second->identity ? nullptr : found->second.get();
}

std::string SidecarRules::own_id(const std::string& name) const {
    const auto* const known = account(name);
    if (known == nullptr) {
        return {};
    }
    const auto& facts = known->identity->facts();
    return !of_linkerd()             ? facts.spiffe_id()
           : facts.dns_names.empty() ? std::string()
                                     : facts.dns_names.front();
}

std::shared_ptr<const mesh::TlsServerConfig>
SidecarRules::server_tls(const std::string& name) const {
    auto* const known = account(name);
    if (known != nullptr && !known->server) {
        mesh::TlsServerSettings settings;
        settings.identity = [identity = known->identity](std::string_view) { return identity; };
        if (of_linkerd()) {
            settings.client_ca_pem = all_authorities(table_);
        } else {
            settings.alpn = {kMeshAlpn};
            settings.spiffe_bundles = table_.bundles;
        }
        known->server = made([&] { return mesh::TlsServerConfig::make(std::move(settings)); });
    }
    return known == nullptr ? nullptr : known->server;
}

std::shared_ptr<const mesh::TlsClientConfig>
SidecarRules::client_tls(const std::string& name, const mesh::SidecarService& service) const {
    auto* const known = account(name);
    if (known == nullptr) {
        return nullptr;
    }
    auto& client = known->clients[service.server_ids];
    if (!client) {
        mesh::TlsClientSettings settings;
        settings.identity = known->identity;
        if (of_linkerd()) {
            settings.ca_pem = all_authorities(table_);
            settings.must_verify = true;
        } else {
            settings.alpn = {kMeshAlpn};
            settings.spiffe_bundles = table_.bundles;
            settings.server_ids = service.server_ids;
        }
        client = made([&] { return mesh::TlsClientConfig::make(std::move(settings)); });
    }
    return client;
}

} // namespace labctl::dataplane
