#include "netemu/model/plan_ipvs.h"

#include <algorithm>

namespace netemu {

namespace {

/// `list` is sorted, so by key too.
const VirtualServer*
find_server(const std::vector<VirtualServer>& list, const VirtualServerKey& key) {
    const auto found = std::lower_bound(
        list.begin(), list.end(), key, [](const VirtualServer& server, const auto& wanted) {
            return server.key < wanted;
        });
    return found == list.end() || found->key != key ? nullptr : &*found;
}

const RealServer* find_real(const VirtualServer& server, const Endpoint& address) {
    const auto found = std::lower_bound(
        server.servers.begin(),
        server.servers.end(),
        address,
        [](const auto& real, const auto& at) { return real.address < at; });
    return found == server.servers.end() || found->address != address ? nullptr : &*found;
}

bool nothing_differs(const NamespaceDiff& ns) {
    return ns.spec->virtual_servers.empty() && ns.info->virtual_servers.empty();
}

/// New ones first: there is no moment in which nobody serves.
void plan_real_servers(
    const std::string& ns,
    const VirtualServer& there,
    const VirtualServer& wanted,
    std::vector<Operation>& out) {
    for (const auto& real : wanted.servers) {
        if (find_real(there, real.address) == nullptr) {
            out.emplace_back(AddRealServer{ns, wanted.key, real});
        }
    }
    for (const auto& real : wanted.servers) {
        const auto* before = find_real(there, real.address);
        if (before != nullptr && before->weight != real.weight) {
            out.emplace_back(ChangeRealServer{ns, wanted.key, real});
        }
    }
    for (const auto& real : there.servers) {
        if (find_real(wanted, real.address) == nullptr) {
            out.emplace_back(DeleteRealServer{ns, wanted.key, real});
        }
    }
}

} // namespace

std::vector<VirtualServer> sorted_servers(const std::vector<VirtualServer>& servers) {
    auto list = servers;
    for (auto& server : list) {
        std::sort(server.servers.begin(), server.servers.end());
    }
    std::sort(list.begin(), list.end());
    return list;
}

void plan_ipvs_removals(const NamespaceDiff& ns, std::vector<Operation>& out) {
    if (nothing_differs(ns)) {
        return;
    }
    const auto wanted = sorted_servers(ns.spec->virtual_servers);
    for (const auto& server : ns.info->virtual_servers) {
        if (find_server(wanted, server.key) == nullptr) {
            out.emplace_back(DeleteVirtualServer{*ns.name, server.key});
        }
    }
}

void plan_ipvs(const NamespaceDiff& ns, std::vector<Operation>& out) {
    static const std::vector<VirtualServer> kNone;
    const auto& there = ns.info == nullptr ? kNone : ns.info->virtual_servers;
    for (const auto& server : sorted_servers(ns.spec->virtual_servers)) {
        const auto* known = find_server(there, server.key);
        if (known == nullptr) {
            out.emplace_back(AddVirtualServer{*ns.name, server});
            continue;
        }
        if (known->scheduler != server.scheduler ||
            known->persistence_seconds != server.persistence_seconds) {
            out.emplace_back(ChangeVirtualServer{*ns.name, server});
        }
        plan_real_servers(*ns.name, *known, server, out);
    }
}

} // namespace netemu
