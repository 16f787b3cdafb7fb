#include "labctl/explain/device.h"

#include <algorithm>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/topology.h"
#include "labctl/compile/underlay_names.h"
#include "netemu/base/error.h"

namespace labctl::explain {

using api::Json;
using netemu::IpAddress;

namespace {

/// "SCHEME://HOST:PORT/PROTOCOL" in its parts; the host without brackets.
struct DeviceTarget {
    std::string before;
    std::string host;
    std::string behind;

    [[nodiscard]] std::string with_host(const IpAddress& address) const {
        const auto text = address.to_string();
        return before + (address.is_v6() && !behind.empty() ? "[" + text + "]" : text) + behind;
    }
};

DeviceTarget split_device_target(const std::string& text) {
    DeviceTarget target;
    const auto scheme = text.find("://");
    target.before = scheme == std::string::npos ? "" : text.substr(0, scheme + 3);
    const auto rest = text.substr(target.before.size());
    if (IpAddress::parse(rest)) {
        target.host = rest;
        return target;
    }
    const auto colon = rest.rfind(':');
    target.host = rest.substr(0, colon);
    target.behind = colon == std::string::npos ? "" : rest.substr(colon);
    if (target.host.starts_with('[') && target.host.ends_with(']')) {
        target.host = target.host.substr(1, target.host.size() - 2);
    }
    return target;
}

/// The addresses of whoever sends, when that is a host, a router or the outside.
std::vector<IpAddress>
device_source(const compile::ClusterConfig& config, const std::string& from) {
    const auto* device = config.topology ? config.topology->find_ns(from) : nullptr;
    return device == nullptr || device->kind == compile::DeviceKind::Node
               ? std::vector<IpAddress>{}
               : underlay_addresses(config, from);
}

} // namespace

std::string device_of_address(const compile::ClusterConfig& config, const IpAddress& address) {
    for (const auto& [known, name] : underlay_names(config)) {
        if (known == address && config.topology) {
            return name;
        }
    }
    return {};
}

ExplainQuestion
with_device_address(const compile::ClusterConfig& config, const ExplainQuestion& question) {
    auto made = question;
    const auto target = split_device_target(question.to);
    const auto addresses = underlay_addresses(config, target.host);
    if (!addresses.empty()) {
        made.to = target.with_host(addresses.front());
    }
    return made;
}

std::optional<Json>
explain_between_devices(const compile::ClusterConfig& config, const ExplainQuestion& question) {
    const auto sources = device_source(config, question.from);
    const auto target = split_device_target(with_device_address(config, question).to);
    const auto to = IpAddress::parse(target.host);
    const auto name = to ? device_of_address(config, *to) : std::string();
    if (sources.empty() || name.empty() || name.starts_with("node/")) {
        return std::nullopt;
    }
    const auto from = std::find_if(sources.begin(), sources.end(), [&](const auto& each) {
        return each.family() == to->family();
    });
    if (from == sources.end()) {
        throw netemu::UsageError(
            question.from + " has no address of the family of the destination");
    }
    const bool udp = target.before == "udp://" || target.behind.ends_with("/udp");
    auto port = target.behind.substr(0, target.behind.find('/'));
    Json answer{{"kind", "Explanation"}, {"apiVersion", "labctl.dev/v1"}};
    answer["from"] = {{"name", question.from}, {"address", from->to_string()}, {"node", ""}};
    answer["to"] = {
        {"name", question.to},
        {"address", DeviceTarget{{}, {}, port}.with_host(*to)},
        {"protocol",
         port.empty() ? "ICMP"
         : udp        ? "UDP"
                      : "TCP"},
        {"what", "address of " + name}};
    answer["hops"] = Json::array();
    answer["branches"] = {
        {{"probability", 1.0}, {"result", ""}, {"masqueraded", false}, {"steps", Json::array()}}};
    answer["endpoints"] = Json::array();
    answer["outcome"] = "none"; // until the way there is known: explain_ways
    answer["underlay"] = true;
    answer["summary"] = "over the underlay to " + name;
    return answer;
}

} // namespace labctl::explain
