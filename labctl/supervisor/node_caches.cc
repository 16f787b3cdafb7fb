#include "labctl/supervisor/node_caches.h"

#include "labctl/compile/node_cache.h"
#include "labctl/supervisor/pod_workload.h"
#include "netemu/base/error.h"

namespace labctl::supervisor {

namespace {

std::vector<dataplane::WorkloadPort>
cache_ports(const std::vector<netemu::IpAddress>& addresses, const std::string& corefile) {
    std::vector<dataplane::WorkloadPort> ports;
    for (const auto& address : addresses) {
        for (const auto protocol : {dataplane::Protocol::Udp, dataplane::Protocol::Tcp}) {
            ports.push_back({dataplane::kDnsServerPort, protocol, {}, address});
        }
    }
    for (const auto& plugin : compile::node_cache_ports(corefile)) {
        ports.push_back({plugin.port, dataplane::Protocol::Tcp, {}, plugin.address});
    }
    return ports;
}

} // namespace

void NodeCaches::complete(
    const api::Object& pod, const compile::ClusterDns& dns, dataplane::WorkloadSpec& spec) {
    const auto cache = compile::node_cache_of(pod.body);
    if (!cache) {
        return;
    }
    const auto found = compile::node_cache_corefile(store_, pod, *cache);
    auto& known = known_[pod.key()];
    known.read = found.text;
    try {
        (void)compile::node_cache_ports(found.text);
        known.good = found.text;
    } catch (const netemu::Error& error) {
        warn_(*found.config_map, error.what());
    }
    spec.dns = dns_serving(pod.body, dns);
    spec.dns->role = dataplane::DnsServing::Role::NodeCache;
    spec.dns->zone = known.good;
    spec.ports = cache_ports(compile::node_cache_addresses(*cache, config_), known.good);
}

std::vector<api::ObjectKey> NodeCaches::changed() const {
    std::vector<api::ObjectKey> pods;
    for (const auto& [key, known] : known_) {
        const auto pod = store_.get(key);
        const auto cache = pod ? compile::node_cache_of(pod->body) : std::nullopt;
        if (cache && compile::node_cache_corefile(store_, *pod, *cache).text != known.read) {
            pods.push_back(key);
        }
    }
    return pods;
}

} // namespace labctl::supervisor
