#include "labctl/explain/target.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "labctl/compile/address_plan.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/pod_target.h"
#include "labctl/compile/proxies.h"
#include "labctl/compile/topology.h"
#include "labctl/compile/underlay_names.h"
#include "labctl/explain/name.h"
#include "labctl/store/store.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::explain {

using api::at;
using api::string_at;
using netemu::IpAddress;
using netemu::UsageError;

namespace {

/// The hint for a name that is not there.
std::string near_hint(
    const store::Store& store,
    const std::string& kind,
    const std::string& ns,
    const std::string& name,
    const std::string& otherwise) {
    std::vector<std::string> names;
    for (const auto& key : store.keys(kind, ns)) {
        names.push_back(key.name);
    }
    if (const auto near = netemu::nearest(name, names)) {
        return "did you mean '" + *near + "'?";
    }
    for (const auto& key : store.keys(kind)) {
        if (key.name == name && !key.ns.empty()) {
            return "there is one in the namespace " + key.ns;
        }
    }
    return otherwise;
}

api::ObjectPtr find_pod(const store::Store& store, const std::string& text, const std::string& ns) {
    auto pod = compile::find_pod_target(store, text, ns);
    if (!pod) {
        const auto slash = text.find('/');
        const api::ObjectKey key{
            "Pod",
            slash == std::string::npos ? ns : text.substr(0, slash),
            slash == std::string::npos ? text : text.substr(slash + 1)};
        throw UsageError(
            "no pod " + key.ns + "/" + key.name,
            near_hint(store, "Pod", key.ns, key.name, "`labctl get pods -A` lists them"));
    }
    if (at(pod->body, "status.podIPs").empty()) {
        throw UsageError("pod " + pod->ns() + "/" + pod->name() + " has no address yet");
    }
    return pod;
}

std::vector<IpAddress> addresses_of_pod(const api::Object& pod) {
    std::vector<IpAddress> addresses;
    for (const auto& entry : at(pod.body, "status.podIPs")) {
        if (const auto address = IpAddress::parse(string_at(entry, "ip"))) {
            addresses.push_back(*address);
        }
    }
    return addresses;
}

std::optional<std::uint16_t> explain_number(std::string_view text) {
    std::uint16_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
        return std::nullopt;
    }
    return number;
}

/// "HOST:PORT", "[V6]:PORT", "HOST", each with "/udp" behind it or "udp://" before it.
struct TargetText {
    std::string host;
    std::string port;
    std::optional<services::Protocol> protocol;
};

std::optional<services::Protocol> explain_protocol(const std::string& word) {
    for (const auto protocol :
         {services::Protocol::Tcp, services::Protocol::Udp, services::Protocol::Sctp}) {
        if (netemu::to_lower(word) == services::lower_text(protocol)) {
            return protocol;
        }
    }
    return std::nullopt;
}

TargetText split_target(std::string text) {
    TargetText made;
    if (const auto scheme = text.find("://"); scheme != std::string::npos) {
        const auto word = text.substr(0, scheme);
        made.protocol = word == "http" ? services::Protocol::Tcp : explain_protocol(word);
        if (!made.protocol) {
            throw UsageError("'" + text + "': no protocol '" + word + "'", "tcp, udp or sctp");
        }
        text.erase(0, scheme + 3);
    }
    if (const auto slash = text.rfind('/');
        slash != std::string::npos && explain_protocol(text.substr(slash + 1))) {
        made.protocol = explain_protocol(text.substr(slash + 1));
        text.resize(slash);
    }
    if (IpAddress::parse(text)) {
        throw UsageError("'" + text + "' names no port", "ADDRESS:PORT, [ADDRESS]:PORT for IPv6");
    }
    const auto colon = text.rfind(':');
    const bool only_pod = text.starts_with("pod:") && colon == 3;
    if (colon != std::string::npos && !only_pod) {
        made.port = text.substr(colon + 1);
        text.resize(colon);
    }
    if (text.starts_with('[') && text.ends_with(']')) {
        text = text.substr(1, text.size() - 2);
    }
    made.host = std::move(text);
    return made;
}

std::uint16_t pod_port(const api::Object& pod, const TargetText& text, const std::string& whole) {
    if (const auto number = explain_number(text.port)) {
        return *number;
    }
    for (const auto& container : at(pod.body, "spec.containers")) {
        for (const auto& entry : at(container, "ports")) {
            if (!text.port.empty() && string_at(entry, "name") == text.port) {
                return static_cast<std::uint16_t>(api::int_at(entry, "containerPort", 0));
            }
        }
    }
    throw UsageError(
        "'" + whole + "': the pod has no port named '" + text.port + "'", "pod:NS/NAME:PORT");
}

std::string port_list(const std::vector<services::ServicePortInputPtr>& ports) {
    std::vector<std::string> words;
    words.reserve(ports.size());
    for (const auto& port : ports) {
        words.push_back(
            std::to_string(port->port) + "/" +
            std::string(services::lower_text(port->name.protocol)) +
            (port->name.port.empty() ? "" : " (" + port->name.port + ")"));
    }
    return netemu::join(words, ", ");
}

services::ServicePortInputPtr choose_port(
    const std::vector<services::ServicePortInputPtr>& ports,
    const TargetText& text,
    const std::string& service) {
    const auto number = explain_number(text.port);
    std::vector<services::ServicePortInputPtr> fitting;
    for (const auto& port : ports) {
        const bool named =
            text.port.empty() || port->name.port == text.port || (number && port->port == *number);
        if (named && (!text.protocol || port->name.protocol == *text.protocol) &&
            port->family == ports.front()->family) {
            fitting.push_back(port);
        }
    }
    if (fitting.empty()) {
        throw UsageError(
            "Service " + service + " has no port '" + text.port + "'",
            "it has " + port_list(ports));
    }
    if (text.port.empty() && fitting.size() > 1) {
        throw UsageError("Service " + service + " has several ports; name one", port_list(fitting));
    }
    return fitting.front();
}

std::string address_role(const services::ServicePortInput& input, const ExplainTarget& target) {
    if (input.cluster_ip == target.address) {
        return "cluster IP";
    }
    const auto& vips = input.vips;
    if (std::find(vips.begin(), vips.end(), target.address) != vips.end()) {
        return "load balancer address";
    }
    const auto& externals = input.external_ips;
    const bool external =
        std::find(externals.begin(), externals.end(), target.address) != externals.end();
    return external ? "external IP" : "node port of " + target.node;
}

/// Whose address and port this is.
void identify_target(const TargetWorld& world, ExplainTarget& target) {
    const auto& store = world.store;
    for (const auto& [name, addresses] : world.nodes) {
        if (std::find(addresses.begin(), addresses.end(), target.address) != addresses.end()) {
            target.node = name;
            target.what = node_target_text(name);
        }
    }
    target.host_port =
        find_host_port(store, target.node, {target.address, target.port}, target.protocol);
    for (const auto& input : all_service_ports(store, world.proxies)) {
        const auto role = address_role(*input, target);
        const bool to_node = role.starts_with("node port");
        const auto number = to_node ? input->node_port : input->port;
        if (input->name.protocol == target.protocol && input->family == target.address.family() &&
            number != 0 && number == target.port && (!to_node || !target.node.empty())) {
            target.service = input;
            target.what = role;
            return;
        }
    }
    for (const auto& pod : store.list("Pod")) {
        const auto addresses = addresses_of_pod(*pod);
        if (!api::bool_at(pod->body, "spec.hostNetwork", false) &&
            std::find(addresses.begin(), addresses.end(), target.address) != addresses.end()) {
            target.pod = pod->ns() + "/" + pod->name();
            target.node = string_at(pod->body, "spec.nodeName");
            target.what = "pod";
        }
    }
}

/// Why a name is none for FROM.
UsageError
unknown_name(const store::Store& store, const std::string& host, const ExplainQuestion& question) {
    const auto parts = netemu::split(host, '.');
    const std::string name(parts[0]);
    const auto ns = parts.size() > 1 ? std::string(parts[1]) : namespace_of_names(store, question);
    const auto service = store.get({"Service", ns, name});
    const auto whole = "Service " + ns + "/" + name;
    if (service && string_at(service->body, "spec.type") == "ExternalName") {
        return UsageError(
            whole + " is a name for " + string_at(service->body, "spec.externalName") +
            ", and nobody here has that one");
    }
    if (service && string_at(service->body, "spec.clusterIP") == "None") {
        return UsageError(
            whole + " is headless and has no ready endpoint, so its name has no address",
            "labctl explain FROM pod:NS/NAME:PORT");
    }
    if (service || (parts.size() > 2 && parts[2] != "svc")) { // a resolver that has no search list
        return UsageError(
            question.from + " finds nobody by the name " + host,
            "labctl explain " + question.from + " dns://" + host);
    }
    return UsageError(
        "no " + whole,
        near_hint(store, "Service", ns, name, "`labctl get services -A` lists them"));
}

/// "svc/web" of kubectl, and "shop/svc/web", as the name that it has everywhere.
std::string host_of_service(
    const std::string& host, const ExplainQuestion& question, const std::string& domain) {
    const auto words = netemu::split(host, '/');
    if (words.size() < 2 || words.size() > 3) {
        return host;
    }
    const auto kind = words[words.size() - 2];
    const bool service = kind == "svc" || kind == "service" || kind == "services";
    const auto ns = words.size() == 3 ? std::string(words[0]) : question.ns;
    return service ? std::string(words.back()) + "." + ns + ".svc." + domain + "." : host;
}

/// Nobody translates the port of what is no cluster IP.
std::uint16_t port_behind_name(const FoundName& found, const TargetText& text) {
    if (const auto number = explain_number(text.port)) {
        return *number;
    }
    const auto& ports = found.service ? at(found.service->body, "spec.ports") : api::Json();
    for (const auto& port : ports) {
        if (text.port.empty() ? ports.size() == 1 : string_at(port, "name") == text.port) {
            return static_cast<std::uint16_t>(api::int_at(port, "port", 0));
        }
    }
    throw UsageError("'" + text.host + "' names no port that is known", "NAME:PORT");
}

/// A name as FROM's resolver finds it: "backend", "backend.prod", a whole one, or one of the world.
ExplainTarget
named_target(const TargetWorld& world, TargetText text, const ExplainQuestion& question) {
    text.host = host_of_service(text.host, question, world.config.cluster_domain);
    const auto found = find_name(world.store, world.config, question, text.host);
    if (!found) {
        throw unknown_name(world.store, text.host, question);
    }
    ExplainTarget target;
    if (found->addresses.empty()) {
        const auto whole = found->service->ns() + "/" + found->service->name();
        const auto ports = world.proxies.ports_of(found->service->ns(), found->service->name());
        if (ports.empty()) {
            throw UsageError("Service " + whole + " has no ports");
        }
        target.service = choose_port(ports, text, whole);
        target.address = target.service->cluster_ip;
        target.port = target.service->port;
        target.protocol = target.service->name.protocol;
        target.what = "cluster IP";
        return target;
    }
    target.address = found->addresses.front();
    target.port = port_behind_name(*found, text);
    target.protocol = text.protocol.value_or(services::Protocol::Tcp);
    identify_target(world, target);
    target.what += target.what.empty() ? "" : ", ";
    target.what += found->addresses.size() == 1
                       ? "the address of " + found->fqdn
                       : "the first of the " + std::to_string(found->addresses.size()) +
                             " addresses of " + found->fqdn;
    return target;
}

} // namespace

const IpAddress& ExplainSource::address(netemu::Family family) const {
    const auto found = std::find_if(addresses.begin(), addresses.end(), [&](const auto& each) {
        return each.family() == family;
    });
    if (found == addresses.end()) {
        throw UsageError(name + " has no address of the family of the destination");
    }
    return *found;
}

ExplainSource explain_source(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const ExplainQuestion& question) {
    ExplainSource source;
    source.name = question.from;
    if (question.from == "external") {
        source.outside = true;
        if (!config.nodes.empty()) {
            source.node = config.nodes.front().name; // the way of its default route
        }
        for (const auto& prefix : external_addresses(config)) {
            source.addresses.push_back(prefix.address);
        }
        return source;
    }
    if (const auto* device = config.topology ? config.topology->find_ns(question.from) : nullptr;
        device != nullptr && device->kind != compile::DeviceKind::Node && !config.nodes.empty()) {
        source.outside = true;
        source.node = config.nodes.front().name; // the routers' way to Services and pods
        source.addresses = underlay_addresses(config, question.from);
        return source;
    }
    if (question.from.starts_with("node/")) {
        source.node = question.from.substr(5);
        source.from_node = true;
        const auto node = store.get({"Node", "", source.node});
        if (!node) {
            throw UsageError(
                "no node '" + source.node + "'",
                near_hint(store, "Node", "", source.node, "`labctl get nodes` lists them"));
        }
        for (const auto& entry : at(node->body, "status.addresses")) {
            if (const auto address = IpAddress::parse(string_at(entry, "address"))) {
                source.addresses.push_back(*address);
            }
        }
        return source;
    }
    const auto& from = question.from;
    const auto pod = find_pod(store, from, question.ns);
    source.name = pod->ns() + "/" + pod->name();
    source.node = string_at(pod->body, "spec.nodeName");
    source.from_node = api::bool_at(pod->body, "spec.hostNetwork", false);
    source.addresses = addresses_of_pod(*pod);
    return source;
}

std::string node_target_text(const std::string& node) {
    return "address of node " + node;
}

ExplainTarget explain_target(const TargetWorld& world, const ExplainQuestion& question) {
    const auto& store = world.store;
    const auto text = split_target(question.to);
    ExplainTarget target;
    if (text.host.starts_with("pod:")) {
        const auto pod = find_pod(store, text.host.substr(4), question.ns);
        target.address = addresses_of_pod(*pod).at(0);
        target.port = pod_port(*pod, text, question.to);
        target.protocol = text.protocol.value_or(services::Protocol::Tcp);
        target.pod = pod->ns() + "/" + pod->name();
        target.node = string_at(pod->body, "spec.nodeName");
        target.what = "pod";
    } else if (const auto address = IpAddress::parse(text.host)) {
        const auto number = explain_number(text.port);
        if (!number || *number == 0) {
            throw UsageError("'" + question.to + "' names no port number", "ADDRESS:PORT");
        }
        target.address = *address;
        target.port = *number;
        target.protocol = text.protocol.value_or(services::Protocol::Tcp);
        if (address->is_loopback() && question.from.starts_with("node/")) {
            target.node = question.from.substr(5);
            target.what = node_target_text(target.node);
        }
        identify_target(world, target);
        if (!target.service && !text.protocol) {
            auto over_udp = target;
            over_udp.protocol = services::Protocol::Udp;
            identify_target(world, over_udp);
            target = over_udp.service ? over_udp : target;
        }
    } else {
        target = named_target(world, text, question);
    }
    target.name = question.to;
    return target;
}

std::vector<services::ServicePortInputPtr> all_service_ports(
    const store::Store& store, const compile::Proxies& proxies, const std::string& ns) {
    std::vector<services::ServicePortInputPtr> all;
    for (const auto& key : store.keys("Service", ns)) {
        for (auto& port : proxies.ports_of(key.ns, key.name)) {
            all.push_back(std::move(port));
        }
    }
    return all;
}

} // namespace labctl::explain
