#include "labctl/dataplane/dns_engine.h"

#include <utility>

#include "labctl/dataplane/spec.h"

namespace labctl::dataplane {

/// A `file` with several zones becomes as many with one each.
DnsEngine::Contents DnsEngine::read(dns::ServerBlock& block, const Files& files) {
    Contents contents;
    std::vector<dns::FileConfig> single;
    for (const auto& file : block.files) {
        const auto found = files.find(file.path);
        const auto text = found == files.end() ? std::string() : found->second;
        for (const auto& zone : file.zones) {
            single.push_back({file.path, {zone}, file.through, file.line});
            contents.zones.emplace_back(zone, text, file.path);
        }
    }
    block.files = std::move(single);
    if (block.hosts) {
        const auto found = files.find(block.hosts->file);
        contents.hosts = found == files.end() ? std::string() : found->second;
    }
    return contents;
}

DnsEngine::DnsEngine(const std::string& corefile, const Files& files) {
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
        contents_.push_back(read(block, files));
        blocks_.push_back(std::move(block));
    }
}

} // namespace labctl::dataplane
