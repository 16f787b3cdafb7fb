#include "labctl/supervisor/probe_resolver.h"

#include <charconv>
#include <set>

#include "labctl/api/containers.h"
#include "labctl/compile/network.h"
#include "labctl/compile/pod_dns.h"
#include "labctl/compile/pod_target.h"
#include "labctl/compile/topology.h"
#include "labctl/compile/underlay_names.h"
#include "labctl/dataplane/probe_tls.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

using api::at;
using api::string_at;
using netemu::IpAddress;
using netemu::UsageError;
using probe::Outcome;
using probe::Scheme;

namespace {

constexpr std::string_view kPodPrefix = "pod:";

probe::Sample decided(Outcome outcome, std::string error) {
    probe::Sample sample;
    sample.outcome = outcome;
    sample.error = std::move(error);
    return sample;
}

/// "NS/NAME" or "NAME" (in default).
api::ObjectKey named_pod(const std::string& text) {
    const auto slash = text.find('/');
    return slash == std::string::npos
               ? api::ObjectKey{"Pod", "default", text}
               : api::ObjectKey{"Pod", text.substr(0, slash), text.substr(slash + 1)};
}

/// The number of a port that an object's list has by name, or 0.
std::uint16_t named_port(const api::Json& ports, const std::string& name, const char* field) {
    for (const auto& entry : ports) {
        if (string_at(entry, "name") == name) {
            return static_cast<std::uint16_t>(api::int_at(entry, field, 0));
        }
    }
    return 0;
}

/// Port names are those of the pod or Service that is probed; at most one of them is given.
std::uint16_t
port_number(const probe::Target& target, const api::Json* pod, const api::Json* service) {
    constexpr std::uint16_t kHttpPort = 80;
    constexpr std::uint16_t kHttpsPort = 443;
    const auto& port = target.port;
    std::uint16_t number = 0;
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
    if (!port.empty() && parsed.ec == std::errc{} && parsed.ptr == port.data() + port.size()) {
        return number;
    }
    if (port.empty()) {
        return target.scheme == Scheme::Http    ? kHttpPort
               : target.scheme == Scheme::Https ? kHttpsPort
                                                : 0;
    }
    if (pod != nullptr) {
        for (const Json& container : api::running_containers(*pod)) {
            number =
                number != 0 ? number : named_port(at(container, "ports"), port, "containerPort");
        }
    }
    if (service != nullptr) {
        number = named_port(at(*service, "spec.ports"), port, "port");
    }
    if (number == 0) {
        const char* where = pod != nullptr       ? " in that pod"
                            : service != nullptr ? " in that Service"
                                                 : " is known here";
        throw UsageError(
            "no port named '" + port + "'" + where,
            "a port name needs pod:NS/NAME or a Service's name as the host");
    }
    return number;
}

/// RFC 1035 section 3.5, RFC 3596 section 2.5; with the final dot.
std::string reverse_name(const IpAddress& address) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string name;
    for (auto at = address.size(); at-- > 0;) {
        const unsigned byte = address.bytes()[at];
        if (address.is_v4()) {
            name += std::to_string(byte) + ".";
        } else {
            name += {kDigits[byte & 0xfU], '.', kDigits[byte >> 4U], '.'};
        }
    }
    return name + (address.is_v4() ? "in-addr.arpa." : "ip6.arpa.");
}

} // namespace

ProbeResolver::Source ProbeResolver::source_of(const std::string& from) const {
    if (from == "external") {
        return {compile::kExternalNamespace, nullptr};
    }
    if (config_.topology) {
        const auto* device = config_.topology->find_ns(from);
        if (device != nullptr && device->kind != compile::DeviceKind::Node &&
            device->has_addresses()) {
            return {device->ns, nullptr};
        }
    }
    if (from.starts_with("node/")) {
        const auto name = from.substr(5);
        if (!store_.get({"Node", "", name})) {
            throw UsageError(
                "probe from '" + from + "': no such node", "`labctl get nodes` lists them");
        }
        return {compile::node_namespace(name), nullptr};
    }
    const auto pod = compile::find_pod_target(store_, from, "default");
    if (!pod) {
        const auto key = named_pod(from.starts_with("pod/") ? from.substr(4) : from);
        throw UsageError(
            "probe from '" + from + "': no pod " + key.ns + "/" + key.name,
            "`labctl get pods -A` lists them");
    }
    if (at(pod->body, "status.podIPs").empty()) {
        throw UsageError("probe from '" + from + "': the pod has no address yet");
    }
    const bool on_node = api::bool_at(pod->body, "spec.hostNetwork", false);
    return {
        on_node ? compile::node_namespace(string_at(pod->body, "spec.nodeName"))
                : compile::pod_namespace(pod->ns(), pod->name()),
        pod};
}

void ProbeResolver::resolve_target(
    const Source& source, dataplane::ResolvedRequest& resolved) const {
    const auto& target = resolved.request.to;
    if (target.scheme == Scheme::Dns) {
        return resolve_dns(source, resolved);
    }
    if (const auto address = IpAddress::parse(target.host)) {
        resolved.address = *address;
        resolved.port = port_number(target, nullptr, nullptr);
    } else if (target.host.starts_with(kPodPrefix)) {
        resolve_pod(resolved);
    } else if (const auto known = device_address(source, target.host)) {
        resolved.address = *known;
        resolved.resolved = known->to_string();
        resolved.port = port_number(target, nullptr, nullptr);
    } else {
        resolve_name(source, resolved);
    }
    if (resolved.port == 0 && target.scheme != Scheme::Icmp) {
        throw UsageError("probe to '" + target.text + "' names no port");
    }
}

/// Names of the topology's devices, as /etc/hosts of all but pods has them.
std::optional<IpAddress>
ProbeResolver::device_address(const Source& source, const std::string& name) const {
    const auto addresses = compile::underlay_addresses(config_, name);
    return source.pod || addresses.empty() ? std::nullopt : std::optional(addresses.front());
}

void ProbeResolver::resolve_pod(dataplane::ResolvedRequest& resolved) const {
    const auto& target = resolved.request.to;
    const auto key = named_pod(target.host.substr(kPodPrefix.size()));
    const auto pod = store_.get(key);
    if (!pod) {
        throw UsageError(
            "probe to '" + target.text + "': no pod " + key.ns + "/" + key.name,
            "`labctl get pods -A` lists them");
    }
    const auto ip = IpAddress::parse(string_at(pod->body, "status.podIP"));
    if (!ip) {
        throw UsageError("probe to '" + target.text + "': the pod has no address yet");
    }
    resolved.address = *ip;
    resolved.resolved = ip->to_string();
    resolved.port = port_number(target, &pod->body, nullptr);
}

void ProbeResolver::resolve_dns(const Source& source, dataplane::ResolvedRequest& resolved) const {
    const auto& target = resolved.request.to;
    auto& lookup = resolved.lookup.emplace();
    lookup.types = {target.dns.type};
    lookup.tcp = target.dns.tcp;
    const auto address = IpAddress::parse(target.host);
    if (address && target.dns.type == "PTR") {
        lookup.name = reverse_name(*address);
    } else if (address && address->is_v6()) {
        throw UsageError("probe to '" + target.text + "': only type=PTR asks for an IPv6 address");
    } else {
        lookup.name = target.host;
        if (!target.dns.search && !lookup.name.ends_with('.')) {
            lookup.name += '.';
        }
    }
    choose_servers(source, resolved);
}

void ProbeResolver::resolve_name(const Source& source, dataplane::ResolvedRequest& resolved) const {
    const auto& target = resolved.request.to;
    const auto own = source.pod ? source.pod->ns() : std::string("default");
    const auto service = service_named(target.host, own);
    resolved.port = port_number(target, nullptr, service ? &service->body : nullptr);
    auto& lookup = resolved.lookup.emplace();
    lookup.name = target.host;
    lookup.types = {"A", "AAAA"};
    choose_servers(source, resolved);
}

void ProbeResolver::choose_servers(
    const Source& source, dataplane::ResolvedRequest& resolved) const {
    const auto& from = resolved.request.from;
    auto& lookup = *resolved.lookup;
    const auto cluster_dns = compile::cluster_dns(config_);
    const bool external = !from.starts_with("node/");
    bool some = false;
    if (source.pod) {
        some = lookup.use_nameservers_of(compile::pod_resolv_conf(source.pod->body, cluster_dns));
    } else if (external) {
        some = lookup.use_nameservers_of(compile::host_resolv_conf(cluster_dns));
    } else {
        some = lookup.use_nameservers_of(
            compile::node_resolv_conf(cluster_dns.domain, cluster_dns.nameservers));
    }
    if (const auto& server = resolved.request.to.dns.server; !server.empty()) {
        const auto address = IpAddress::parse(server);
        lookup.servers = {
            address ? netemu::Endpoint{*address, dataplane::kDnsPort}
                    : netemu::Endpoint::parse(server).value()};
        return;
    }
    if (!some) {
        resolved.decided = decided(
            Outcome::DnsError,
            from + ": cannot resolve " + lookup.name + ": its resolv.conf has no nameserver");
    }
}

/// NAME, NAME.NAMESPACE or NAME.NAMESPACE.svc...: only to know the numbers of its ports.
api::ObjectPtr
ProbeResolver::service_named(const std::string& host, const std::string& own_namespace) const {
    const auto labels = netemu::split(host, '.');
    const auto ns = labels.size() > 1 ? std::string(labels[1]) : own_namespace;
    return store_.get({"Service", ns, std::string(labels[0])});
}

void ProbeResolver::check_authorities(const probe::RequestList& requests) {
    std::set<std::string_view> good; // a list has often one for all
    for (const auto& request : requests.probes) {
        if (request.ca.empty() || good.contains(request.ca)) {
            continue;
        }
        try {
            (void)dataplane::make_tls_config(request.ca);
        } catch (const netemu::Error& error) {
            throw UsageError(
                "probe to '" + request.to.text + "', ca: " + error.what(),
                "it is the PEM text of one certificate or several");
        }
        good.insert(request.ca);
    }
}

dataplane::ResolvedRequest ProbeResolver::resolve(const probe::Request& request) const {
    dataplane::ResolvedRequest resolved;
    resolved.request = request;
    const auto source = source_of(request.from);
    resolved.ns = source.ns;
    if (!request.via.empty()) {
        if (request.from != "external") {
            throw UsageError("'via' is for probes from external only");
        }
        // The external host enters by its default route, through the first node, to all but pods.
        const auto entry = config_.nodes.empty() ? std::string("no node") : config_.nodes[0].name;
        if (entry != request.via) {
            resolved.decided = decided(
                Outcome::Unsupported,
                "the external host enters through " + entry +
                    "; another way in ('via') is not supported yet");
            return resolved;
        }
    }
    resolve_target(source, resolved);
    return resolved;
}

} // namespace labctl::supervisor
