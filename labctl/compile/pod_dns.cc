#include "labctl/compile/pod_dns.h"

#include "labctl/compile/address_plan.h"
#include "labctl/compile/node_cache.h"

namespace labctl::compile {

using api::at;
using api::string_at;
using netemu::IpAddress;

namespace {

std::vector<std::string> address_texts(const std::vector<netemu::IpAddress>& addresses) {
    std::vector<std::string> texts;
    texts.reserve(addresses.size());
    for (const auto& address : addresses) {
        texts.push_back(address.to_string());
    }
    return texts;
}

std::vector<std::string> string_list(const api::Json& list) {
    std::vector<std::string> texts;
    for (const auto& entry : list) {
        texts.push_back(entry.get<std::string>());
    }
    return texts;
}

} // namespace

std::vector<netemu::IpAddress> dns_addresses(const ClusterConfig& config) {
    constexpr std::uint64_t kDnsOffset = 10; // 10.96.0.10
    std::vector<netemu::IpAddress> addresses;
    for (const auto& range : config.service_cidrs) {
        addresses.push_back(range.network().address.plus(kDnsOffset));
    }
    return addresses;
}

std::vector<netemu::IpAddress> upstream_addresses(const ClusterConfig& config) {
    std::vector<netemu::IpAddress> addresses;
    for (const auto& prefix : external_addresses(config)) {
        addresses.push_back(prefix.address);
    }
    return addresses;
}

ClusterDns cluster_dns(const ClusterConfig& config) {
    auto servers = dns_addresses(config);
    if (config.dns_node_local) {
        servers = {IpAddress::parse(kNodeCacheAddress).value()};
    }
    return {config.cluster_domain, std::move(servers), upstream_addresses(config)};
}

dns::ResolvConf host_resolv_conf(const ClusterDns& dns) {
    return {address_texts(dns.of_nodes), {}, {}};
}

dns::ResolvConf pod_resolv_conf(const api::Json& pod, const ClusterDns& dns) {
    dns::PodDnsValue value;
    value.ns = string_at(pod, "metadata.namespace");
    value.policy = dns::parse_dns_policy(string_at(pod, "spec.dnsPolicy"))
                       .value_or(dns::DnsPolicy::ClusterFirst);
    value.host_network = api::bool_at(pod, "spec.hostNetwork", false);
    const auto& config = at(pod, "spec.dnsConfig");
    value.config.nameservers = string_list(at(config, "nameservers"));
    value.config.searches = string_list(at(config, "searches"));
    for (const auto& option : at(config, "options")) {
        const auto& text = at(option, "value");
        value.config.options.emplace_back(
            string_at(option, "name"),
            text.is_string() ? std::optional(text.get<std::string>()) : std::nullopt);
    }
    return dns::pod_resolv_conf(
               value, {dns.domain, address_texts(dns.nameservers)}, host_resolv_conf(dns))
        .conf;
}

dns::ResolvConf
node_resolv_conf(const std::string& domain, const std::vector<netemu::IpAddress>& nameservers) {
    dns::ResolvConf conf;
    conf.nameservers = address_texts(nameservers);
    conf.searches = {"svc." + domain, domain};
    conf.options = {"ndots:5"};
    return conf;
}

} // namespace labctl::compile
