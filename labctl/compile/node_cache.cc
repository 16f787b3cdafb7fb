#include "labctl/compile/node_cache.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <netinet/in.h>

#include "dns/corefile.h"
#include "labctl/compile/bootstrap_dns.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/image_name.h"
#include "labctl/compile/network.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;
using netemu::IpAddress;
using netemu::IpPrefix;
using Side = netemu::NftMatchPort::Side;
using Field = netemu::NftMatchAddress::Field;

constexpr const char* kNodeCacheImage = "k8s-dns-node-cache";
constexpr std::uint32_t kNodeCacheIndex = 31;
constexpr int kNodeCachePriority = -300; // NF_IP_PRI_RAW: before connection tracking
constexpr std::uint16_t kNodeCachePort = 53;
constexpr std::uint16_t kNodeCacheHealthPort = 8080;

bool is_node_cache(const Json& container) {
    return is_image(string_at(container, "image"), kNodeCacheImage);
}

/// The word behind `flag`, or of "flag=WORD"; with one dash or two (Go's flag package).
std::string argument_of(const Json& container, const std::string& flag) {
    bool next = false;
    for (const auto* list : {"command", "args"}) {
        for (const auto& item : at(container, list)) {
            auto word = item.is_string() ? item.get<std::string>() : std::string();
            if (next) {
                return word;
            }
            word.erase(0, std::min(word.find_first_not_of('-'), std::size_t{2}));
            next = word == flag;
            if (word.starts_with(flag + "=")) {
                return word.substr(flag.size() + 1);
            }
        }
    }
    return {};
}

void replace_all(std::string& text, const std::string& mark, const std::string& by) {
    for (auto found = text.find(mark); found != std::string::npos;
         found = text.find(mark, found + by.size())) {
        text.replace(found, mark.size(), by);
    }
}

using Addresses = std::set<IpAddress>;

/// The addresses on each node's device, by node.
std::map<std::string, Addresses>
addresses_by_node(const store::Store& store, const ClusterConfig& config) {
    std::map<std::string, Addresses> nodes;
    for (const auto& pod : store.list("Pod")) {
        const auto cache = node_cache_of(pod->body);
        const auto phase = string_at(pod->body, "status.phase");
        const auto node = string_at(pod->body, "spec.nodeName");
        if (cache && !node.empty() && phase != "Succeeded" && phase != "Failed") {
            const auto addresses = node_cache_addresses(*cache, config);
            nodes[node].insert(addresses.begin(), addresses.end());
        }
    }
    return nodes;
}

netemu::LinkSpec node_cache_device(const Addresses& addresses, bool dummy) {
    netemu::LinkSpec device;
    device.name = kNodeCacheDevice;
    device.index = kNodeCacheIndex;
    if (dummy) {
        device.kind = netemu::DummySpec{};
    } else {
        device.kind = netemu::BridgeSpec{}; // one without ports carries addresses just as well
    }
    device.mac = netemu::MacAddress::for_ip(*addresses.begin());
    for (const auto& address : addresses) {
        device.addresses.push_back(IpPrefix::host(address));
    }
    return device;
}

struct NodeCacheRule {
    Field field;
    std::uint8_t protocol;
    std::uint16_t port;
};

netemu::NftRule untracked(const IpAddress& address, const NodeCacheRule& rule) {
    const auto side = rule.field == Field::Source ? Side::Source : Side::Destination;
    return {
        {netemu::NftMatchAddress{rule.field, IpPrefix::host(address), false},
         netemu::NftMatchProtocol{rule.protocol},
         netemu::NftMatchPort{side, rule.port, rule.port, false},
         netemu::NftCounter{},
         netemu::NftNotrack{}},
        "NodeLocal DNS Cache: skip conntrack"};
}

/// The rules that node-cache writes with iptables into the table raw (its cmd/node-cache/app).
netemu::NftTable node_cache_table(const Addresses& addresses, netemu::Family family) {
    netemu::NftBase base;
    base.hook = netemu::NftHook::Prerouting;
    base.priority = kNodeCachePriority;
    netemu::NftChain arriving{"prerouting", base, {}};
    base.hook = netemu::NftHook::Output;
    netemu::NftChain leaving{"output", base, {}};
    for (const auto& address : addresses) {
        if (address.family() != family) {
            continue;
        }
        for (const auto protocol : std::array<std::uint8_t, 2>{IPPROTO_UDP, IPPROTO_TCP}) {
            const NodeCacheRule to{Field::Destination, protocol, kNodeCachePort};
            arriving.rules.push_back(untracked(address, to));
            leaving.rules.push_back(untracked(address, {Field::Source, protocol, kNodeCachePort}));
            leaving.rules.push_back(untracked(address, to));
        }
        for (const auto field : {Field::Destination, Field::Source}) {
            leaving.rules.push_back(untracked(address, {field, IPPROTO_TCP, kNodeCacheHealthPort}));
        }
    }
    const bool v4 = family == netemu::Family::V4;
    return {
        v4 ? netemu::NftFamily::Ip : netemu::NftFamily::Ip6,
        kNodeCacheName,
        {std::move(arriving), std::move(leaving)}};
}

} // namespace

std::optional<NodeCache> node_cache_of(const Json& pod) {
    if (!api::bool_at(pod, "spec.hostNetwork", false)) {
        return std::nullopt;
    }
    for (const auto& container : at(pod, "spec.containers")) {
        if (!is_node_cache(container)) {
            continue;
        }
        NodeCache cache;
        const auto list = argument_of(container, "localip");
        for (const auto word : netemu::split(list, ',')) {
            if (const auto address = IpAddress::parse(word)) {
                cache.addresses.push_back(*address);
            }
        }
        cache.upstream_service = argument_of(container, "upstreamsvc");
        return cache;
    }
    return std::nullopt;
}

std::vector<IpAddress> node_cache_addresses(const NodeCache& cache, const ClusterConfig& config) {
    auto addresses = cache.addresses;
    if (config.proxy_mode == "ipvs") {
        std::erase_if(addresses, [&](const IpAddress& address) {
            return std::any_of(
                config.service_cidrs.begin(),
                config.service_cidrs.end(),
                [&](const IpPrefix& range) { return range.contains(address); });
        });
    }
    return addresses;
}

NodeCacheCorefile
node_cache_corefile(const store::Store& store, const api::Object& pod, const NodeCache& cache) {
    NodeCacheCorefile found;
    for (const auto& volume : at(pod.body, "spec.volumes")) {
        const auto name = string_at(volume, "configMap.name");
        const auto map = name.empty() ? nullptr : store.get({"ConfigMap", pod.ns(), name});
        auto text = map ? string_at(map->body, "data.Corefile") : std::string();
        if (!text.empty()) {
            found = {map, std::move(text)};
            break;
        }
    }
    const auto service = store.get({"Service", kDnsNamespace, cache.upstream_service});
    const auto upstream = service ? string_at(service->body, "spec.clusterIP") : std::string();
    if (!upstream.empty()) {
        replace_all(found.text, "__PILLAR__CLUSTER__DNS__", upstream);
    }
    replace_all(found.text, "__PILLAR__UPSTREAM__SERVERS__", "/etc/resolv.conf");
    return found;
}

std::vector<NodeCachePort> node_cache_ports(const std::string& corefile) {
    std::vector<NodeCachePort> ports;
    for (const auto& block : dns::parse_corefile(corefile).servers) {
        for (const auto& file : block.files) {
            throw netemu::UsageError(
                "Corefile:" + std::to_string(file.line) + ": file " + file.path +
                ": a node's cache has no zone files here");
        }
        for (const auto& plugin : {block.health, block.ready, block.prometheus}) {
            if (const auto port = dns::plugin_port(plugin)) {
                ports.push_back({*port, IpAddress::parse(plugin->substr(0, plugin->rfind(':')))});
            }
        }
    }
    return ports;
}

void add_node_caches(
    const store::Store& store, const ClusterConfig& config, netemu::DesiredState& state) {
    for (const auto& [node, addresses] : addresses_by_node(store, config)) {
        const auto found = state.namespaces.find(node_namespace(node));
        if (found == state.namespaces.end() || addresses.empty()) {
            continue;
        }
        auto& spec = found->second;
        spec.links.push_back(node_cache_device(addresses, config.dummy_device));
        for (const auto family : {netemu::Family::V4, netemu::Family::V6}) {
            const bool has =
                std::any_of(addresses.begin(), addresses.end(), [family](const IpAddress& address) {
                    return address.family() == family;
                });
            if (has) {
                spec.tables.push_back(node_cache_table(addresses, family));
            }
        }
    }
}

} // namespace labctl::compile
