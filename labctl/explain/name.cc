#include "labctl/explain/name.h"

#include <algorithm>
#include <set>

#include "dns/records.h"
#include "dns/types.h"
#include "dns/zone_file.h"
#include "labctl/compile/dns_upstream.h"
#include "labctl/compile/pod_dns.h"
#include "labctl/compile/pod_target.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::explain {

namespace {

using api::at;
using api::string_at;
using netemu::IpAddress;

constexpr const char* kSliceService = "kubernetes.io/service-name";
constexpr int kAliasesMax = 8;

/// The pod that FROM is, if it is one.
api::ObjectPtr asking_pod(const store::Store& store, const ExplainQuestion& question) {
    const bool other = question.from == "external" || question.from.starts_with("node/") ||
                       question.from.starts_with("host/") || question.from.starts_with("router/");
    return other ? nullptr : compile::find_pod_target(store, question.from, question.ns);
}

dns::ResolvConf resolv_conf_of(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const ExplainQuestion& question) {
    const auto cluster = compile::cluster_dns(config);
    if (const auto pod = asking_pod(store, question)) {
        return compile::pod_resolv_conf(pod->body, cluster);
    }
    auto conf = compile::node_resolv_conf(cluster.domain, cluster.nameservers);
    conf.searches.insert(conf.searches.begin(), question.ns + ".svc." + cluster.domain);
    return conf;
}

/// The names that a resolver asks for, in its order; without the final dot.
std::vector<std::string> names_asked_for(const dns::ResolvConf& conf, std::string host) {
    host = netemu::to_lower(host);
    if (host.ends_with('.')) {
        host.pop_back();
        return {host};
    }
    std::vector<std::string> names;
    for (const auto& search : conf.searches) {
        names.push_back(host + "." + netemu::to_lower(search));
    }
    const bool as_it_is = std::count(host.begin(), host.end(), '.') >= conf.ndots();
    names.insert(as_it_is ? names.begin() : names.end(), host);
    return names;
}

/// Those of an endpoint that is ready and has that label, or any.
void add_endpoint(
    const api::Json& endpoint, const std::string& label, std::vector<IpAddress>& addresses) {
    if (!api::bool_at(endpoint, "conditions.ready", true)) {
        return;
    }
    for (const auto& text : at(endpoint, "addresses")) {
        const auto address = IpAddress::parse(text.is_string() ? text.get<std::string>() : "");
        if (!address) {
            continue;
        }
        const auto name = string_at(endpoint, "hostname", dns::address_label(*address));
        if (label.empty() || netemu::to_lower(name) == label) {
            addresses.push_back(*address);
        }
    }
}

/// Those of its endpoints that have records, or of the one with that label.
std::vector<IpAddress> headless_addresses(
    const store::Store& store, const api::Object& service, const std::string& label) {
    std::vector<IpAddress> addresses;
    for (const auto& slice : store.list("EndpointSlice", service.ns())) {
        const auto labels = slice->labels();
        const auto of = labels.find(kSliceService);
        if (of == labels.end() || of->second != service.name()) {
            continue;
        }
        for (const auto& endpoint : at(slice->body, "endpoints")) {
            add_endpoint(endpoint, label, addresses);
        }
    }
    std::sort(addresses.begin(), addresses.end()); // IPv4 first, as a probe connects
    return addresses;
}

/// Looks for whole names.
class NameFinder {
public:
    NameFinder(const store::Store& store, const compile::ClusterConfig& config)
        : store_(store), suffix_("." + netemu::to_lower(config.cluster_domain)),
          lab_(store.get({"Lab", "", config.name})) {}

    std::optional<FoundName> find(const std::string& name) {
        if (!name.ends_with(suffix_)) {
            return find_in_world(name);
        }
        const auto inner = name.substr(0, name.size() - suffix_.size());
        std::vector<std::string> labels;
        for (const auto part : netemu::split(inner, '.')) {
            labels.emplace_back(part);
        }
        const auto kind = labels.back();
        labels.pop_back();
        if (kind == "svc" && (labels.size() == 2 || labels.size() == 3)) {
            return find_service(name, labels);
        }
        return kind == "pod" && labels.size() == 2 ? find_pod_name(name, labels) : std::nullopt;
    }

private:
    std::optional<FoundName>
    find_service(const std::string& name, const std::vector<std::string>& labels) {
        const auto& ns = labels.back();
        const auto service = store_.get({"Service", ns, labels[labels.size() - 2]});
        if (!service) {
            return std::nullopt;
        }
        const auto label = labels.size() == 3 ? labels.front() : std::string();
        if (string_at(service->body, "spec.type") == "ExternalName") {
            auto alias = netemu::to_lower(string_at(service->body, "spec.externalName"));
            alias.resize(alias.size() - (alias.ends_with('.') ? 1 : 0));
            return label.empty() && aliases_++ < kAliasesMax ? find(alias) : std::nullopt;
        }
        if (string_at(service->body, "spec.clusterIP") != "None" && label.empty()) {
            return FoundName{name, service};
        }
        auto addresses = headless_addresses(store_, *service, label);
        return addresses.empty() ? std::nullopt
                                 : std::optional(FoundName{name, service, std::move(addresses)});
    }

    /// ADDRESS-WITH-DASHES.namespace
    [[nodiscard]] std::optional<FoundName>
    find_pod_name(const std::string& name, const std::vector<std::string>& labels) const {
        for (const auto& pod : store_.list("Pod", labels[1])) {
            for (const auto& entry : at(pod->body, "status.podIPs")) {
                const auto address = IpAddress::parse(string_at(entry, "ip"));
                if (address && dns::address_label(*address) == labels[0]) {
                    return FoundName{name, nullptr, {*address}};
                }
            }
        }
        return std::nullopt;
    }

    /// What the lab's own upstream answers; not the host's.
    [[nodiscard]] std::optional<FoundName> find_in_world(const std::string& name) const {
        const auto upstream =
            compile::read_dns_upstream(lab_ ? at(lab_->body, "spec.dns.upstream") : api::Json());
        const dns::StaticZone zone(
            dns::Name(), upstream.zone + compile::ingress_records(store_, upstream.zone));
        const auto asked = dns::Name::parse(name);
        FoundName found{name};
        for (const auto type : {dns::Type::A, dns::Type::Aaaa}) {
            const auto answer =
                asked ? zone.answer({*asked, static_cast<std::uint16_t>(type)}) : std::nullopt;
            for (const auto& record : answer ? answer->answers : std::vector<dns::Record>()) {
                if (record.is(type)) {
                    const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.rdata.data());
                    const bool v4 = type == dns::Type::A;
                    found.addresses.push_back(
                        IpAddress::from_bytes(v4 ? netemu::Family::V4 : netemu::Family::V6, bytes));
                }
            }
        }
        return found.addresses.empty() ? std::nullopt : std::optional(std::move(found));
    }

    const store::Store& store_;
    std::string suffix_;
    api::ObjectPtr lab_;
    int aliases_ = 0;
};

} // namespace

std::optional<FoundName> find_name(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const ExplainQuestion& question,
    const std::string& host) {
    NameFinder finder(store, config);
    for (const auto& name : names_asked_for(resolv_conf_of(store, config, question), host)) {
        if (auto found = finder.find(name)) {
            return found;
        }
    }
    return std::nullopt;
}

std::string namespace_of_names(const store::Store& store, const ExplainQuestion& question) {
    const auto pod = asking_pod(store, question);
    return pod ? pod->ns() : question.ns;
}

} // namespace labctl::explain
