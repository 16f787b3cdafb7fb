#include "labctl/dataplane/dns_engine.h"

#include <utility>

#include "labctl/dataplane/spec.h"

namespace labctl::dataplane {

DnsEngine::DnsEngine(const std::string& corefile) {
    for (auto& block : dns::parse_corefile(corefile).servers) {
        if (block.port != kDnsServerPort) {
            continue;
        }
        std::unique_ptr<dns::ClusterZone> zone;
        if (block.kubernetes) {
            auto options = dns::zone_options(*block.kubernetes, block.loadbalance);
            options.dns_service = "kube-system/kube-dns";
            zone = std::make_unique<dns::ClusterZone>(std::move(options));
            zone->set_synced(false);
        }
        zones_.push_back(std::move(zone));
        blocks_.push_back(std::move(block));
    }
}

} // namespace labctl::dataplane
