#include "mesh/linkerd/network.h"

#include <algorithm>
#include <initializer_list>

namespace mesh::linkerd {

namespace {

std::vector<Network> networks_of(std::initializer_list<const char*> texts) {
    std::vector<Network> networks;
    for (const auto* text : texts) {
        networks.push_back({netemu::IpPrefix::parse(text).value(), {}});
    }
    return networks;
}

} // namespace

bool contains(const Network& network, const netemu::IpAddress& address) {
    return network.cidr.contains(address) &&
           std::none_of(network.except.begin(), network.except.end(), [&](const auto& except) {
               return except.contains(address);
           });
}

bool contains(const std::vector<Network>& networks, const netemu::IpAddress& address) {
    return std::any_of(networks.begin(), networks.end(), [&](const auto& network) {
        return contains(network, address);
    });
}

std::string to_string(const std::vector<Network>& networks) {
    std::string text;
    for (const auto& network : networks) {
        text += (text.empty() ? "" : ", ") + network.cidr.to_string();
        for (const auto& except : network.except) {
            text += (&except == network.except.data() ? " except " : " and ") + except.to_string();
        }
    }
    return text;
}

const std::vector<Network>& all_networks() {
    static const auto kAll = networks_of({"0.0.0.0/0", "::/0"});
    return kAll;
}

const std::vector<Network>& cluster_networks() {
    static const auto kCluster =
        networks_of({"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"});
    return kCluster;
}

} // namespace mesh::linkerd
