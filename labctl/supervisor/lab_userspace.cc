#include <algorithm>

#include "labctl/compile/network.h"
#include "labctl/supervisor/lab.h"

namespace labctl::supervisor {

/// The sockets of kube-proxy's userspace mode, on every node; none in the other modes. What is
/// behind a socket are the endpoints that are ready: this mode knew no others.
std::vector<dataplane::ProxySpec> Lab::userspace_sockets(const compile::Proxies& proxies) {
    std::vector<dataplane::ProxySpec> sockets;
    for (const auto& portal : proxies.portals()) {
        const auto& input = *portal.input;
        if (input.name.protocol == services::Protocol::Sctp) {
            continue; // this proxy never spoke it
        }
        dataplane::ProxySpec spec;
        spec.name = input.name;
        spec.ipv6 = input.family == netemu::Family::V6;
        spec.listen_port = portal.proxy_port;
        spec.affinity_seconds = input.affinity_seconds;
        for (const auto& [endpoint, port] : input.endpoints) {
            if (endpoint.ready) {
                spec.endpoints.push_back({endpoint.address, port});
            }
        }
        std::sort(spec.endpoints.begin(), spec.endpoints.end());
        for (const auto& node : proxies.nodes()) {
            spec.ns_name = compile::node_namespace(node.name);
            sockets.push_back(spec);
        }
    }
    return sockets;
}

} // namespace labctl::supervisor
