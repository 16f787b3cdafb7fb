#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "labctl/compile/network.h"
#include "labctl/explain/affinity.h"
#include "labctl/supervisor/lab.h"
#include "labctl/supervisor/recent_lists.h"
#include "netemu/kernel/proc_net.h"

namespace labctl::supervisor {

explain::AffinityReaders Lab::affinity_readers(std::vector<explain::ProxiedClient> proxied) {
    const auto lists = std::make_shared<RecentLists>(*kernel_);
    return {
        [this](
            const std::string& ns,
            netemu::NftFamily family,
            const std::string& table,
            const std::string& set) { return kernel_->read_elements(ns, family, table, set); },
        [lists](const std::string& node, const std::vector<std::string>& names) {
            return lists->clients(node, names);
        },
        [lists] { return lists->now(); },
        [this](const std::string& node) {
            const int descriptor = kernel_->namespace_fd(compile::node_namespace(node));
            return descriptor < 0 ? std::vector<services::IpvsTemplate>{}
                                  : services::parse_ipvs_templates(
                                        netemu::read_proc_net(descriptor, {"ip_vs_conn"}).front());
        },
        std::move(proxied)};
}

api::Json Lab::affinity(const std::string& ns, std::vector<explain::ProxiedClient> proxied) {
    return explain::affinity_list(store_, *proxies_, ns, affinity_readers(std::move(proxied)));
}

void Lab::ask_proxies(std::function<void(std::vector<explain::ProxiedClient>)> use) {
    if (proxies_->mode() != "userspace") {
        use({});
        return;
    }
    dataplane_->proxy_clients([use = std::move(use)](std::vector<dataplane::ProxyClient> known) {
        constexpr std::string_view kNode = "node/";
        std::vector<explain::ProxiedClient> clients;
        clients.reserve(known.size());
        for (auto& each : known) {
            clients.push_back(
                {each.ns_name.substr(kNode.size()),
                 std::move(each.name),
                 each.client,
                 each.endpoint,
                 std::chrono::duration_cast<std::chrono::seconds>(each.left).count()});
        }
        use(std::move(clients));
    });
}

} // namespace labctl::supervisor
