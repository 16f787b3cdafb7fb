#include "labctl/compile/ingress_rules.h"

#include <algorithm>

#include "labctl/compile/ingress_objects.h"
#include "labctl/compile/tls_secret.h"
#include "mesh/tls/certificate.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;

/// What ingress-nginx is told of backends that speak gRPC (its docs, annotations.md).
constexpr const char* kBackendProtocol = "nginx.ingress.kubernetes.io/backend-protocol";

bool same_rule(const services::IngressPath& left, const services::IngressPath& right) {
    return left.path == right.path && left.type == right.type;
}

std::string element(const std::string& list, std::size_t index) {
    return list + "[" + std::to_string(index) + "]";
}

} // namespace

void IngressRulesBuilder::build() {
    for (const auto& ingress : oldest_first(store_.list("Ingress"))) {
        add(ingress);
    }
    for (auto& [controller, table] : tables) {
        table.sort_paths();
    }
}

void IngressRulesBuilder::warn(const char* reason, std::string text, std::string path) {
    notes.push_back({ingress_, true, reason, std::move(text), std::move(path)});
}

void IngressRulesBuilder::add(const api::ObjectPtr& ingress) {
    ingress_ = ingress;
    const auto controller = controller_of_ingress(store_, ingress->body);
    if (controller.empty()) {
        return explain_nobody();
    }
    notes.push_back({ingress, false, "Sync", "Scheduled for sync", ""});
    warn_of_annotations();
    table_ = &tables[controller];
    name_ = ingress->ns() + "/" + ingress->name();
    const auto& spec = at(ingress->body, "spec");
    std::optional<std::uint32_t> default_backend;
    if (const auto& backend = at(spec, "defaultBackend"); backend.is_object()) {
        default_backend = backend_index(backend, "spec.defaultBackend");
        table_->default_backend = table_->default_backend.value_or(*default_backend);
    }
    std::size_t index = 0;
    for (const auto& rule : at(spec, "rules")) {
        add_rule(rule, default_backend, element("spec.rules", index++));
    }
    index = 0;
    for (const auto& tls : at(spec, "tls")) {
        add_certificate(tls, element("spec.tls", index++));
    }
}

void IngressRulesBuilder::explain_nobody() {
    const auto name = ingress_class_of(ingress_->body);
    if (!name.empty()) {
        return warn(
            "NoController",
            "nothing acts on it: there is no IngressClass \"" + name + "\"" + known_classes(),
            "spec.ingressClassName");
    }
    const auto defaults = default_ingress_classes(store_);
    if (defaults.size() > 1) {
        return warn(
            "NoController",
            "nothing acts on it: it names no class, and " + std::to_string(defaults.size()) +
                " IngressClasses are marked as the default",
            "spec");
    }
    warn(
        "NoController",
        "nothing acts on it: it names no class, and no IngressClass is the default" +
            known_classes(),
        "spec");
}

std::string IngressRulesBuilder::known_classes() const {
    std::vector<std::string> names;
    for (const auto& key : store_.keys("IngressClass")) {
        names.push_back(key.name);
    }
    return names.empty() ? "" : "; there are: " + netemu::join(names, ", ");
}

/// Most annotations are programs for a controller of another make.
void IngressRulesBuilder::warn_of_annotations() {
    std::vector<std::string> unknown;
    for (const auto& [key, value] : ingress_->annotations()) {
        const auto domain = key.substr(0, key.find('/'));
        if (key == kBackendProtocol && (value == "GRPC" || value == "HTTP")) {
            continue;
        }
        if (domain.find("ingress") != std::string::npos && domain != "kubernetes.io") {
            unknown.push_back(key);
        }
    }
    if (!unknown.empty()) {
        warn(
            "UnknownAnnotation",
            "labctl's controller does not know, and leaves without effect: " +
                netemu::join(unknown, ", "),
            "metadata.annotations");
    }
}

bool IngressRulesBuilder::is_grpc() const {
    const auto annotations = ingress_->annotations();
    const auto found = annotations.find(kBackendProtocol);
    return found != annotations.end() && found->second == "GRPC";
}

std::uint32_t IngressRulesBuilder::backend_index(const Json& backend, const std::string& path) {
    auto found_backend = backends_.resolve(ingress_->ns(), backend);
    auto& resolved = found_backend.backend;
    resolved.http2 = resolved.http2 || is_grpc();
    if (found_backend.misconfigured) {
        warn("BadBackend", "requests to " + resolved.name + " get 503: " + resolved.problem, path);
    }
    auto& all = table_->backends;
    const auto found = std::find_if(all.begin(), all.end(), [&resolved](const auto& known) {
        return known.name == resolved.name && known.http2 == resolved.http2;
    });
    if (found == all.end()) {
        all.push_back(std::move(resolved));
        return static_cast<std::uint32_t>(all.size() - 1);
    }
    return static_cast<std::uint32_t>(found - all.begin());
}

void IngressRulesBuilder::add_rule(
    const Json& rule,
    const std::optional<std::uint32_t>& default_backend,
    const std::string& where) {
    const auto name = services::ingress_host_name(string_at(rule, "host"));
    auto& host = table_->hosts[name];
    if (!host.default_backend) {
        host.default_backend = default_backend;
    }
    std::size_t index = 0;
    for (const auto& json : at(rule, "http.paths")) {
        const auto here = element(where + ".http.paths", index++);
        services::IngressPath path;
        path.type = services::parse_ingress_path_type(string_at(json, "pathType"))
                        .value_or(services::IngressPathType::ImplementationSpecific);
        path.path = string_at(json, "path", "/");
        path.ingress = name_;
        const auto older =
            std::find_if(host.paths.begin(), host.paths.end(), [&path](const auto& known) {
                return same_rule(known, path);
            });
        if (older != host.paths.end()) {
            warn(
                "DuplicateRule",
                "the path " + path.path + " of host \"" + name + "\" is also in Ingress " +
                    older->ingress + ", which comes first",
                here + ".path");
            continue;
        }
        path.backend = backend_index(at(json, "backend"), here + ".backend");
        host.paths.push_back(std::move(path));
    }
}

void IngressRulesBuilder::add_certificate(const Json& tls, const std::string& where) {
    const auto secret_name = string_at(tls, "secretName");
    if (secret_name.empty()) {
        return; // the controller's own
    }
    secrets.insert({ingress_->ns(), secret_name});
    auto secret = read_tls_secret(store_, ingress_->ns(), secret_name);
    if (!secret.problem.empty()) {
        return warn(
            secret.reason,
            secret.problem + ": TLS clients get the controller's own certificate",
            where + ".secretName");
    }
    for (const auto& host : at(tls, "hosts")) {
        add_host(
            secret.certificate,
            *secret.identity,
            host.is_string() ? host.get<std::string>() : "",
            where + ".hosts");
    }
    table_->certificates.push_back(std::move(secret.certificate));
}

void IngressRulesBuilder::add_host(
    services::IngressCertificate& certificate,
    const mesh::TlsIdentity& identity,
    const std::string& host,
    const std::string& path) {
    const auto name = services::ingress_host_name(host);
    if (!name.starts_with("*.") && !identity.covers(name)) {
        warn(
            "WrongCertificate",
            "the certificate of Secret " + certificate.secret + " is for " +
                netemu::join(identity.facts().names(), ", ") + ", not for " + name,
            path);
    }
    certificate.hosts.push_back(name);
}

} // namespace labctl::compile
