#include "labctl/supervisor/probe_resolver.h"

#include <charconv>

#include "labctl/compile/network.h"
#include "netemu/base/error.h"

namespace labctl::supervisor {

using api::at;
using api::string_at;
using netemu::IpAddress;
using netemu::UsageError;
using probe::Outcome;
using probe::Scheme;

namespace {

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

} // namespace

std::string ProbeResolver::source_namespace(const std::string& from) const {
    if (from == "external") {
        return compile::kExternalNamespace;
    }
    if (from.starts_with("node/")) {
        const auto name = from.substr(5);
        if (!store_.get({"Node", "", name})) {
            throw UsageError(
                "probe from '" + from + "': no such node", "`labctl get nodes` lists them");
        }
        return compile::node_namespace(name);
    }
    const auto key = named_pod(from.starts_with("pod/") ? from.substr(4) : from);
    const auto pod = store_.get(key);
    if (!pod) {
        throw UsageError(
            "probe from '" + from + "': no pod " + key.ns + "/" + key.name,
            "`labctl get pods -A` lists them");
    }
    if (at(pod->body, "status.podIPs").empty()) {
        throw UsageError("probe from '" + from + "': the pod has no address yet");
    }
    return api::bool_at(pod->body, "spec.hostNetwork", false)
               ? compile::node_namespace(string_at(pod->body, "spec.nodeName"))
               : compile::pod_namespace(key.ns, key.name);
}

std::uint16_t
ProbeResolver::port_number(const std::string& port, Scheme scheme, const api::Json* pod) const {
    constexpr std::uint16_t kHttpPort = 80;
    std::uint16_t number = 0;
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
    if (!port.empty() && parsed.ec == std::errc{} && parsed.ptr == port.data() + port.size()) {
        return number;
    }
    if (port.empty()) {
        return scheme == Scheme::Http ? kHttpPort : 0;
    }
    if (pod != nullptr) {
        for (const auto& container : at(*pod, "spec.containers")) {
            for (const auto& entry : at(container, "ports")) {
                if (string_at(entry, "name") == port) {
                    return static_cast<std::uint16_t>(api::int_at(entry, "containerPort", 0));
                }
            }
        }
    }
    throw UsageError(
        "no port named '" + port + "'" + (pod != nullptr ? " in that pod" : " is known here"),
        "a port name needs pod:NS/NAME as the host");
}

void ProbeResolver::resolve_target(dataplane::ResolvedRequest& resolved) const {
    const auto& target = resolved.request.to;
    if (target.scheme == Scheme::Sctp) {
        resolved.decided = decided(Outcome::Unsupported, "SCTP probes are not supported yet");
        return;
    }
    if (target.scheme == Scheme::Dns) {
        resolved.decided = decided(Outcome::Unsupported, "this lab serves no cluster DNS yet");
        return;
    }
    api::ObjectPtr pod;
    if (const auto address = IpAddress::parse(target.host)) {
        resolved.address = *address;
    } else if (target.host.starts_with("pod:")) {
        const auto key = named_pod(target.host.substr(4));
        pod = store_.get(key);
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
    } else {
        resolved.decided = decided(
            Outcome::Unsupported,
            "cannot resolve '" + target.host +
                "': this lab serves no cluster DNS yet; use an address or pod:NS/NAME");
        return;
    }
    resolved.port = port_number(target.port, target.scheme, pod ? &pod->body : nullptr);
    if (resolved.port == 0 && target.scheme != Scheme::Icmp) {
        throw UsageError("probe to '" + target.text + "' names no port");
    }
}

dataplane::ResolvedRequest ProbeResolver::resolve(const probe::Request& request) const {
    dataplane::ResolvedRequest resolved;
    resolved.request = request;
    resolved.ns = source_namespace(request.from);
    if (!request.via.empty()) {
        if (request.from != "external") {
            throw UsageError("'via' is for probes from external only");
        }
        // The external host's only way in is its default route, through the first node.
        if (config_.nodes.at(0).name != request.via) {
            resolved.decided = decided(
                Outcome::Unsupported,
                "the external host enters through " + config_.nodes[0].name +
                    "; another way in ('via') is not supported yet");
            return resolved;
        }
    }
    resolve_target(resolved);
    return resolved;
}

} // namespace labctl::supervisor
