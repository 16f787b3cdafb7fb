#include "dns/resolv_conf.h"

#include <algorithm>
#include <charconv>

#include "netemu/base/text.h"

namespace dns {
namespace {

std::vector<std::string> blank_words(std::string_view line) {
    std::vector<std::string> words;
    std::size_t at = 0;
    while ((at = line.find_first_not_of(" \t\r", at)) != std::string_view::npos) {
        const auto end = std::min(line.find_first_of(" \t\r", at), line.size());
        words.emplace_back(line.substr(at, end - at));
        at = end;
    }
    return words;
}

void add_once(std::vector<std::string>& list, const std::string& item) {
    if (std::find(list.begin(), list.end(), item) == list.end()) {
        list.push_back(item);
    }
}

std::string option_key(const std::string& option) {
    return option.substr(0, option.find(':'));
}

void set_option(std::vector<std::string>& options, const std::string& option) {
    const auto same = std::find_if(options.begin(), options.end(), [&](const auto& have) {
        return option_key(have) == option_key(option);
    });
    if (same == options.end()) {
        options.push_back(option);
    } else {
        *same = option;
    }
}

void cut_to_limits(PodResolvConf& result) {
    auto& conf = result.conf;
    if (conf.nameservers.size() > kNameserversMax) {
        conf.nameservers.resize(kNameserversMax);
        result.warnings.push_back(
            "Nameserver limits were exceeded, some nameservers have been omitted, the applied "
            "nameserver line is: " +
            netemu::join(conf.nameservers, " "));
    }
    const auto before = conf.searches.size();
    std::erase_if(
        conf.searches, [](const auto& name) { return name.size() > kSearchNameBytesMax; });
    if (conf.searches.size() > kSearchesMax) {
        conf.searches.resize(kSearchesMax);
    }
    while (netemu::join(conf.searches, " ").size() > kSearchBytesMax) {
        conf.searches.pop_back();
    }
    if (conf.searches.size() != before) {
        result.warnings.push_back(
            "Search Line limits were exceeded, some search paths have been omitted, the applied "
            "search line is: " +
            netemu::join(conf.searches, " "));
    }
}

} // namespace

std::string ResolvConf::text() const {
    std::string result;
    if (!searches.empty()) {
        result += "search " + netemu::join(searches, " ") + "\n";
    }
    for (const auto& server : nameservers) {
        result += "nameserver " + server + "\n";
    }
    if (!options.empty()) {
        result += "options " + netemu::join(options, " ") + "\n";
    }
    return result;
}

unsigned ResolvConf::ndots() const {
    constexpr unsigned kMost = 15;
    constexpr std::string_view kKey = "ndots:";
    unsigned value = 1;
    for (const auto& option : options) {
        if (option.starts_with(kKey)) {
            std::from_chars(option.data() + kKey.size(), option.data() + option.size(), value);
        }
    }
    return std::min(value, kMost);
}

ResolvConf parse_resolv_conf(std::string_view text) {
    ResolvConf conf;
    for (const auto line : netemu::split(text, '\n')) {
        auto words = blank_words(line.substr(0, line.find_first_of("#;")));
        if (words.size() < 2) {
            if (!words.empty() && words[0] == "search") {
                conf.searches.clear();
            }
            continue;
        }
        const auto key = words[0];
        words.erase(words.begin());
        if (key == "nameserver") {
            conf.nameservers.push_back(words[0]);
        } else if (key == "search") {
            conf.searches = words;
        } else if (key == "domain") {
            conf.searches = {words[0]};
        } else if (key == "options") {
            for (const auto& option : words) {
                set_option(conf.options, option);
            }
        }
    }
    // kubelet leaves a trailing dot in, but "." alone means no search at all.
    std::erase(conf.searches, ".");
    return conf;
}

std::optional<DnsPolicy> parse_dns_policy(std::string_view text) {
    if (text.empty() || text == "ClusterFirst") {
        return DnsPolicy::ClusterFirst;
    }
    if (text == "ClusterFirstWithHostNet") {
        return DnsPolicy::ClusterFirstWithHostNet;
    }
    if (text == "Default") {
        return DnsPolicy::Default;
    }
    return text == "None" ? std::optional(DnsPolicy::None) : std::nullopt;
}

PodResolvConf
pod_resolv_conf(const PodDnsValue& pod, const ClusterDnsValue& cluster, const ResolvConf& host) {
    PodResolvConf result;
    auto& conf = result.conf;
    auto policy = pod.policy;
    if (policy == DnsPolicy::ClusterFirst && pod.host_network) {
        policy = DnsPolicy::Default;
    }
    const bool cluster_first =
        policy == DnsPolicy::ClusterFirst || policy == DnsPolicy::ClusterFirstWithHostNet;
    if (cluster_first && cluster.nameservers.empty()) {
        policy = DnsPolicy::Default;
        result.warnings.emplace_back(
            "MissingClusterDNS: kubelet does not have ClusterDNS IP configured and cannot create "
            "Pod using \"ClusterFirst\" policy. Falling back to \"Default\" policy.");
    }
    if (policy == DnsPolicy::Default) {
        conf = host;
    } else if (policy != DnsPolicy::None) {
        conf.nameservers = cluster.nameservers;
        const auto services = "svc." + cluster.domain;
        conf.searches = {pod.ns + "." + services, services, cluster.domain};
        for (const auto& search : host.searches) {
            add_once(conf.searches, search);
        }
        conf.options = {"ndots:5"};
    }
    for (const auto& server : pod.config.nameservers) {
        add_once(conf.nameservers, server);
    }
    for (const auto& search : pod.config.searches) {
        add_once(conf.searches, search);
    }
    for (const auto& [name, value] : pod.config.options) {
        set_option(conf.options, value && !value->empty() ? name + ":" + *value : name);
    }
    cut_to_limits(result);
    return result;
}

std::string pod_hosts_file(
    const std::vector<std::string>& ips,
    const std::string& hostname,
    const std::string& fqdn,
    const std::vector<HostAliasValue>& aliases) {
    std::string text = "# Kubernetes-managed hosts file.\n"
                       "127.0.0.1\tlocalhost\n"
                       "::1\tlocalhost ip6-localhost ip6-loopback\n"
                       "fe00::0\tip6-localnet\n"
                       "fe00::0\tip6-mcastprefix\n"
                       "fe00::1\tip6-allnodes\n"
                       "fe00::2\tip6-allrouters\n";
    for (const auto& ip : ips) {
        text += ip + "\t" + (fqdn.empty() ? "" : fqdn + "\t") + hostname + "\n";
    }
    if (!aliases.empty()) {
        text += "\n# Entries added by HostAliases.\n";
    }
    for (const auto& alias : aliases) {
        text += alias.ip + "\t" + netemu::join(alias.hostnames, "\t") + "\n";
    }
    return text;
}

} // namespace dns
