#include "labctl/supervisor/mesh_identities.h"

#include <algorithm>
#include <utility>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/sidecar_objects.h"
#include "mesh/linkerd/identity.h"
#include "mesh/spiffe/authority.h"
#include "mesh/spiffe/renewal.h"
#include "netemu/base/base64.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"

namespace labctl::supervisor {

namespace {

using api::Json;

/// Where a mesh keeps its authority: a Secret with certificate and key, and a ConfigMap with the
/// certificate alone.
struct AuthorityPlace {
    const char* ns;
    const char* secret;
    const char* certificate_file;
    const char* key_file;
    const char* secret_type;
    const char* config_map;
    const char* root_file;
    bool in_every_namespace; // the ConfigMap is
};
constexpr AuthorityPlace kIstioAuthority{
    compile::kMeshNamespace,
    "istio-ca-secret",
    "ca-cert.pem",
    "ca-key.pem",
    "istio.io/ca-root",
    "istio-ca-root-cert",
    "root-cert.pem",
    true};
constexpr AuthorityPlace kLinkerdAuthority{
    compile::kLinkerdNamespace,
    "linkerd-identity-issuer",
    "crt.pem",
    "key.pem",
    "Opaque",
    "linkerd-identity-trust-roots",
    "ca-bundle.crt",
    false};

bool is_linkerd(const compile::ClusterConfig& config) {
    return config.mesh_profile == compile::kMeshProfileLinkerd;
}

const AuthorityPlace& authority_place(const compile::ClusterConfig& config) {
    return is_linkerd(config) ? kLinkerdAuthority : kIstioAuthority;
}

constexpr std::chrono::seconds kRenewalPause{1}; // between two of them, at least
constexpr std::chrono::minutes kRenewalRetry{1};
constexpr std::chrono::hours kAuthorityLifetime{24 * 3650}; // istiod's: ten years

/// A file in a Secret or ConfigMap: its name has a dot, which is none of a path.
std::string file_in(const Json& object, const char* name) {
    const auto& data = api::at(object, "data");
    const auto found = data.is_object() ? data.find(name) : data.end();
    return found != data.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string decoded(const Json& secret, const char* name) {
    return netemu::decode_base64(file_in(secret, name)).value_or("");
}

} // namespace

MeshIdentities::MeshIdentities(
    netemu::EventLoop& loop,
    store::Store& store,
    const compile::ClusterConfig& config,
    std::function<void()> renewed)
    : loop_(loop), store_(store), config_(config), renewed_(std::move(renewed)) {
}

MeshIdentities::~MeshIdentities() {
    loop_.cancel(timer_);
}

const mesh::Authority& MeshIdentities::authority() {
    if (authority_) {
        return *authority_;
    }
    const auto& place = authority_place(config_);
    const auto secret = store_.get({"Secret", place.ns, place.secret});
    source_ = secret_text();
    if (secret) {
        authority_ = std::make_unique<mesh::Authority>(mesh::Authority::load(
            config_.mesh_trust_domain,
            decoded(secret->body, place.certificate_file),
            decoded(secret->body, place.key_file)));
        return *authority_;
    }
    authority_ = std::make_unique<mesh::Authority>(mesh::Authority::create(
        config_.mesh_trust_domain, kAuthorityLifetime, std::chrono::system_clock::now()));
    store_.put(
        {{{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata", {{"name", place.secret}, {"namespace", place.ns}}},
          {"type", place.secret_type},
          {"data",
           {{place.certificate_file, netemu::encode_base64(authority_->certificate_pem())},
            {place.key_file, netemu::encode_base64(authority_->key_pem())}}}},
         {}});
    source_ = secret_text();
    return *authority_;
}

std::string MeshIdentities::secret_text() const {
    const auto& place = authority_place(config_);
    const auto secret = store_.get({"Secret", place.ns, place.secret});
    return secret ? file_in(secret->body, place.certificate_file) + "\n" +
                        file_in(secret->body, place.key_file)
                  : std::string();
}

bool MeshIdentities::forget_if_replaced() {
    if (secret_text() == source_) {
        return false;
    }
    authority_.reset();
    known_.clear();
    return true;
}

void MeshIdentities::publish() {
    if (!authority_) {
        return;
    }
    const auto& place = authority_place(config_);
    const auto certificate = authority_->certificate_pem();
    for (const auto& key : store_.keys("Namespace")) {
        const auto before = store_.get({"ConfigMap", key.name, place.config_map});
        if ((before && file_in(before->body, place.root_file) == certificate) ||
            (!place.in_every_namespace && key.name != place.ns)) {
            continue;
        }
        Json metadata{{"name", place.config_map}, {"namespace", key.name}};
        if (place.in_every_namespace) {
            metadata["labels"] = {{"istio.io/config", "true"}};
        }
        store_.put(
            {{{"apiVersion", "v1"},
              {"kind", "ConfigMap"},
              {"metadata", metadata},
              {"data", {{place.root_file, certificate}}}},
             {}});
    }
}

MeshIdentities::Known MeshIdentities::issue(const std::string& account) {
    const auto slash = account.find('/');
    const auto ns = account.substr(0, slash);
    const auto name = account.substr(slash + 1);
    const auto& domain = config_.mesh_trust_domain;
    if (is_linkerd(config_)) {
        const auto made = authority().issue_name(
            mesh::linkerd::service_account_identity(ns, name, domain),
            {config_.mesh_certificate_lifetime, {}});
        return known_of(made.chain_pem, made.key_pem, made.not_before, made.not_after);
    }
    const auto svid = authority().issue(
        mesh::SpiffeId::of_service_account(domain, ns, name),
        {config_.mesh_certificate_lifetime, {}});
    return known_of(svid.chain_pem, svid.key_pem, svid.not_before, svid.not_after);
}

MeshIdentities::Known MeshIdentities::known_of(
    const std::string& chain_pem,
    const std::string& key_pem,
    std::chrono::sys_seconds not_before,
    std::chrono::sys_seconds not_after) {
    std::uniform_real_distribution<double> jitter(0, 1);
    // What it is valid for before now is for slow clocks, and no part of its life.
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return {
        {chain_pem, key_pem},
        mesh::renew_at(std::max(not_before, now), not_after, jitter(random_))};
}

void MeshIdentities::complete(mesh::SidecarTable& table) {
    table.bundles[config_.mesh_trust_domain] = authority().certificate_pem();
    publish();
    std::map<std::string, Known> wanted;
    for (const auto& [pod, workload] : table.workloads) {
        if (wanted.contains(workload.account)) {
            continue;
        }
        const auto known = known_.find(workload.account);
        try {
            const auto& now_known =
                wanted
                    .emplace(
                        workload.account,
                        known != known_.end() ? known->second : issue(workload.account))
                    .first->second;
            table.identities.emplace(workload.account, now_known.identity);
        } catch (const netemu::Error& error) {
            if (!is_linkerd(config_)) {
                throw;
            }
            // An account may have a name that is none of DNS.
            netemu::log_warning("supervisor", workload.account + ": " + error.what());
        }
    }
    known_ = std::move(wanted);
    schedule();
}

/// At the first renewal that is due.
void MeshIdentities::schedule() {
    loop_.cancel(std::exchange(timer_, 0));
    if (known_.empty()) {
        return;
    }
    const auto first =
        std::min_element(known_.begin(), known_.end(), [](const auto& one, const auto& other) {
            return one.second.renewal < other.second.renewal;
        });
    const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(
        first->second.renewal - std::chrono::system_clock::now());
    timer_ = loop_.after(std::max<std::chrono::microseconds>(wait, kRenewalPause), [this] {
        timer_ = 0;
        renew();
    });
}

void MeshIdentities::renew() {
    const auto now = std::chrono::system_clock::now();
    for (auto& [account, known] : known_) {
        if (known.renewal <= now) {
            try {
                known = issue(account);
            } catch (const netemu::Error& error) { // an authority that has expired
                netemu::log_warning("supervisor", "renew " + account + ": " + error.what());
                known.renewal = now + kRenewalRetry;
            }
        }
    }
    schedule();
    renewed_();
}

} // namespace labctl::supervisor
