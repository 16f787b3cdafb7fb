#include "labctl/compile/cluster_config.h"

#include <algorithm>
#include <set>

#include "labctl/compile/address_plan.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/config_words.h"
#include "labctl/compile/conflist_profile.h"
#include "labctl/compile/dns_upstream.h"
#include "labctl/compile/load_balancer_pool.h"
#include "labctl/compile/mesh_config.h"
#include "labctl/compile/network_mtu.h"
#include "labctl/compile/topology_read.h"
#include "labctl/compile/wireguard.h"
#include "netemu/base/error.h"
#include "netemu/base/limits.h"
#include "netemu/base/text.h"
#include "services/ipvs_mode.h"

namespace labctl::compile {

namespace {

using netemu::IpPrefix;
using netemu::UsageError;

NodeConfig node_from(const api::Json& json) {
    NodeConfig node;
    node.name = json.is_string() ? json.get<std::string>() : api::string_at(json, "name");
    node.zone = api::string_at(json, "zone");
    node.labels = api::labels_at(json, "labels");
    if (const auto& taints = api::at(json, "taints"); taints.is_array()) {
        node.taints = taints;
    }
    return node;
}

/// `may_lack`: there is something else in the lab.
std::vector<NodeConfig> read_nodes(const api::Json& nodes, bool may_lack) {
    std::vector<NodeConfig> result;
    if (nodes.is_number_integer()) {
        const auto count = nodes.get<std::int64_t>();
        if (count < (may_lack ? 0 : 1) ||
            count > static_cast<std::int64_t>(netemu::limits::kNodesMax)) {
            throw UsageError(
                "spec.nodes: " + std::to_string(count) + " nodes, but a lab has between 1 and " +
                std::to_string(netemu::limits::kNodesMax));
        }
        for (std::int64_t i = 1; i <= count; ++i) {
            result.push_back({"node-" + std::to_string(i), {}, {}, api::Json::array()});
        }
        return result;
    }
    std::set<std::string> names;
    for (const auto& json : nodes) {
        result.push_back(node_from(json));
        const auto& name = result.back().name;
        if (name.empty() || !names.insert(name).second) {
            throw UsageError(
                name.empty() ? "spec.nodes: a node without a name"
                             : "spec.nodes: two nodes are named '" + name + "'");
        }
    }
    if ((result.empty() && !may_lack) || result.size() > netemu::limits::kNodesMax) {
        throw UsageError(
            "spec.nodes: " + std::to_string(result.size()) +
            " nodes, but a lab has between 1 and " + std::to_string(netemu::limits::kNodesMax));
    }
    return result;
}

/// One range, a list of ranges, or a text with commas, as kube-controller-manager takes them.
std::vector<IpPrefix> read_ranges(const api::Json& json, const std::string& field) {
    std::vector<std::string> texts;
    if (json.is_string()) {
        const auto text = json.get<std::string>();
        for (const auto part : netemu::split(text, ',')) {
            texts.emplace_back(netemu::trim(part));
        }
    } else if (json.is_array()) {
        for (const auto& item : json) {
            texts.push_back(item.is_string() ? item.get<std::string>() : std::string{});
        }
    }
    std::vector<IpPrefix> result;
    for (const auto& text : texts) {
        const auto range = IpPrefix::parse(text);
        if (!range || range->network() != *range) {
            throw UsageError(
                field + ": '" + text + "' is not a range of addresses",
                range ? "did you mean " + range->network().to_string() + "?"
                      : "write 10.244.0.0/16");
        }
        result.push_back(*range);
    }
    if (result.size() > 2 ||
        (result.size() == 2 && result[0].address.family() == result[1].address.family())) {
        throw UsageError(field + ": give one range, or one IPv4 and one IPv6 range");
    }
    return result;
}

/// `ranges`, or for each family of `like` the built-in range.
std::vector<IpPrefix> complete(
    std::vector<IpPrefix> ranges,
    const std::vector<IpPrefix>& like,
    const char* default_v4,
    const char* default_v6) {
    std::vector<IpPrefix> result;
    for (const auto& wanted : like) {
        const auto found = std::find_if(ranges.begin(), ranges.end(), [&](const IpPrefix& range) {
            return range.address.family() == wanted.address.family();
        });
        result.push_back(
            found != ranges.end()
                ? *found
                : *IpPrefix::parse(wanted.address.is_v4() ? default_v4 : default_v6));
    }
    return result;
}

void check_overlaps(const ClusterConfig& config) {
    std::vector<std::pair<std::string, IpPrefix>> all;
    const auto add = [&](const char* field, const std::vector<IpPrefix>& ranges) {
        for (const auto& range : ranges) {
            all.emplace_back(field, range);
        }
    };
    add("spec.podCIDR", config.pod_cidrs);
    add("spec.serviceCIDR", config.service_cidrs);
    if (!config.nodes.empty()) {
        add("spec.underlay.cidr", config.underlay_cidrs);
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t j = i + 1; j < all.size(); ++j) {
            if (all[i].second.overlaps(all[j].second)) {
                throw UsageError(
                    all[i].first + " " + all[i].second.to_string() + " overlaps " + all[j].first +
                        " " + all[j].second.to_string(),
                    "pods, Services and nodes need ranges of their own");
            }
        }
    }
}

/// What kube-proxy had, and what of it is here.
std::string read_proxy_mode(const api::Json& spec) {
    auto mode = api::string_at(spec, "proxy.mode", "nftables");
    check_proxy_mode(mode, "spec.proxy.mode");
    return mode;
}

/// One that kube-proxy accepts; whether the kernel has it is seen when it is asked for.
std::string read_ipvs_scheduler(const api::Json& spec) {
    auto scheduler = api::string_at(spec, "proxy.ipvs.scheduler", "rr");
    const auto known = services::ipvs_schedulers();
    if (std::find(known.begin(), known.end(), scheduler) == known.end()) {
        std::string names;
        for (const auto name : known) {
            names += (names.empty() ? "" : ", ") + std::string(name);
        }
        throw UsageError(
            "spec.proxy.ipvs.scheduler: there is no scheduler '" + scheduler + "'",
            "available: " + names);
    }
    return scheduler;
}

std::uint32_t checked_mtu(const api::Json& json, const std::string& field, bool has_v6) {
    const auto minimum = has_v6 ? kMtuMinV6 : kMtuMinV4;
    const auto value = json.is_number_integer() ? json.get<std::int64_t>() : 0;
    if (value < minimum || value > kMtuMax) {
        throw UsageError(
            field + ": " + json.dump() + " is not an MTU between " + std::to_string(minimum) +
            " and " + std::to_string(kMtuMax));
    }
    return static_cast<std::uint32_t>(value);
}

void read_mtus(ClusterConfig& config, const api::Json& spec) {
    const auto has_v6 =
        std::any_of(config.pod_cidrs.begin(), config.pod_cidrs.end(), [](const IpPrefix& range) {
            return range.address.is_v6();
        });
    if (const auto& mtu = api::at(spec, "underlay.mtu"); !mtu.is_null()) {
        config.underlay_mtu = checked_mtu(mtu, "spec.underlay.mtu", has_v6);
    }
    const auto& mtu = api::at(spec, "cni.mtu");
    if (!mtu.is_null() && mtu != "auto") {
        config.cni_mtu = checked_mtu(mtu, "spec.cni.mtu", has_v6);
    }
}

/// Who carries the links of the default segment. Those of a topology each have their own.
void read_segment_emulation(ClusterConfig& config, const api::Json& underlay) {
    const auto word = api::string_at(underlay, "emulation", kEmulationNone);
    config.underlay_userspace = word == kEmulationUserspace;
    if (!config.underlay_userspace && word != kEmulationNone) {
        throw UsageError(
            "spec.underlay.emulation: '" + word + "' is not known", "none or userspace");
    }
    if (config.underlay_userspace && config.underlay_mtu > kTapMtuMax) {
        throw UsageError(
            "spec.underlay.mtu: links in userspace have one of at most " +
            std::to_string(kTapMtuMax));
    }
}

/// The ranges of the underlay, and its topology if the lab file describes one.
void read_underlay(ClusterConfig& config, const api::Json& spec) {
    const auto& underlay = api::at(spec, "underlay");
    const bool described = describes_topology(underlay);
    auto ranges = read_ranges(api::at(underlay, "cidr"), "spec.underlay.cidr");
    if (config.nodes.empty() && !ranges.empty()) {
        config.underlay_cidrs = std::move(ranges); // no pods that have a family
    } else {
        config.underlay_cidrs = complete(
            std::move(ranges),
            config.pod_cidrs,
            "172.18.0.0/16",
            described ? "fd00:172:18::/48" : "fd00:172:18::/64"); // each segment has a /64
    }
    read_mtus(config, spec);
    if (!described) {
        read_segment_emulation(config, underlay);
        return;
    }
    TopologyQuestion question{underlay, {}, config.underlay_cidrs, {}, config.underlay_mtu};
    for (const auto& node : config.nodes) {
        question.nodes.push_back(node.name);
    }
    if (!config.nodes.empty()) {
        question.foreign = config.pod_cidrs;
        question.foreign.insert(
            question.foreign.end(), config.service_cidrs.begin(), config.service_cidrs.end());
    }
    config.topology = read_topology(question);
    config.underlay_mtu = config.topology->node_path_mtu();
}

std::int64_t read_dns_replicas(const api::Json& json, std::int64_t otherwise) {
    if (json.is_null()) {
        return otherwise;
    }
    const auto value = json.is_number_integer() ? json.get<std::int64_t>() : -1;
    if (value < 0 || value > static_cast<std::int64_t>(netemu::limits::kPodsMax)) {
        throw UsageError(
            "spec.dns.replicas: " + json.dump() + " is not a number of pods between 0 and " +
            std::to_string(netemu::limits::kPodsMax));
    }
    return value;
}

ImageRule image_rule(const api::Json& json) {
    ImageRule rule;
    rule.match = api::string_at(json, "match");
    rule.rootfs = api::string_at(json, "rootfs");
    const auto& run = api::at(json, "run");
    rule.idle = run == "idle";
    if (run.is_array()) {
        for (const auto& word : run) {
            rule.run.push_back(word.is_string() ? word.get<std::string>() : word.dump());
        }
    } else if (run.is_string() && !rule.idle) {
        rule.run.push_back(run.get<std::string>());
    }
    if (rule.match.empty() || (!rule.idle && rule.run.empty() && rule.rootfs.empty())) {
        throw UsageError(
            "spec.images: an entry needs `match` and one of `run` and `rootfs`: " + json.dump());
    }
    return rule;
}

bool read_cross_subnet(
    const api::Json& spec, const std::string& overlay, const CniProfile& profile) {
    const bool wanted = api::bool_at(spec, "cni.crossSubnet", false);
    const bool possible =
        overlay == kOverlayIpip || (overlay == kOverlayVxlan && !profile.peer_networks);
    if (wanted && !possible) {
        throw UsageError(
            "spec.cni.crossSubnet: between nodes of one segment a tunnel is left out of the "
            "overlays "
            "vxlan and ipip only",
            "leave it out, or say overlay: vxlan");
    }
    return wanted;
}

/// What is a profile's own must not be asked of another one.
void read_cni(ClusterConfig& config, const api::Json& spec) {
    const auto& profile = find_cni_profile(config.cni_profile, "spec.cni.profile");
    if (const auto said = api::string_at(spec, "cni.profile", "bridge");
        config.cni_profile == kConflist && said != "bridge") {
        throw UsageError(
            "spec.cni: profile " + said + " and a conflist exclude each other", "leave one out");
    }
    if (config.cni_profile == kConflist && !api::at(spec, "cni.mtu").is_null() &&
        api::at(spec, "cni.mtu") != "auto") {
        throw UsageError(
            "spec.cni.mtu: the plugins of the list make the pods' devices",
            "the plugins bridge and ptp have a field \"mtu\"");
    }
    config.wireguard = read_encryption(spec, profile);
    config.overlay =
        config.wireguard ? kOverlayNone : api::string_at(spec, "cni.overlay", profile.overlay);
    check_overlay(config.overlay, profile, "spec.cni.overlay");
    const auto is_v4 = [](const IpPrefix& range) { return range.address.is_v4(); };
    if (config.overlay == kOverlayIpip &&
        std::none_of(config.pod_cidrs.begin(), config.pod_cidrs.end(), is_v4)) {
        throw UsageError(
            "spec.cni.overlay: ipip carries IPv4, and the pods have none",
            "say overlay: vxlan or none");
    }
    config.cross_subnet = read_cross_subnet(spec, config.overlay, profile);
    config.emulation = api::string_at(spec, "cni.emulation", config.emulation);
    if (config.emulation != "auto" && config.overlay != kOverlayGeneve) {
        throw UsageError(
            "spec.cni.emulation: there is nothing to emulate with overlay " + config.overlay,
            "it is for overlay: geneve");
    }
    check_emulation(config.emulation, profile, "spec.cni.emulation");
    config.kube_proxy_replacement = api::bool_at(spec, "cni.kubeProxyReplacement", false);
    if (config.kube_proxy_replacement && profile.name != std::string_view("cilium")) {
        throw UsageError(
            "spec.cni.kubeProxyReplacement: the profile " + config.cni_profile + " has none",
            "leave it out, or say profile: cilium");
    }
}

std::string directory_of(const std::string& file) {
    const auto slash = file.rfind('/');
    if (file.empty() || file == "-") {
        return {};
    }
    return slash == std::string::npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
}

} // namespace

void check_proxy_mode(const std::string& mode, const std::string& field) {
    constexpr const char* kAvailable = "available: nftables, iptables, ipvs, userspace";
    if (mode == "nftables" || mode == "iptables" || mode == "ipvs" || mode == "userspace") {
        return;
    }
    throw UsageError(field + ": '" + mode + "' is not available in this version", kAvailable);
}

ClusterConfig ClusterConfig::from_lab(const api::Object& lab) {
    const auto& spec = api::at(lab.body, "spec");
    ClusterConfig config;
    config.name = lab.name();
    const auto& nodes = api::at(spec, "nodes");
    config.nodes = read_nodes(
        nodes.is_null() ? api::Json(3) : nodes, describes_topology(api::at(spec, "underlay")));
    config.pod_cidrs = read_ranges(api::at(spec, "podCIDR"), "spec.podCIDR");
    if (config.pod_cidrs.empty()) {
        config.pod_cidrs = read_ranges("10.244.0.0/16", "spec.podCIDR");
    }
    config.service_cidrs = complete(
        read_ranges(api::at(spec, "serviceCIDR"), "spec.serviceCIDR"),
        config.pod_cidrs,
        "10.96.0.0/12",
        "fd00:10:96::/112");
    read_underlay(config, spec);
    read_load_balancer_pool(config, api::at(spec, "loadBalancer.pool"));
    config.cluster_domain = api::string_at(spec, "clusterDomain", config.cluster_domain);
    config.cni_profile = api::at(spec, "cni.conflist").is_null()
                             ? api::string_at(spec, "cni.profile", config.cni_profile)
                             : kConflist;
    read_cni(config, spec);
    config.bgp = read_bgp(spec, config.nodes, config.cni_profile);
    if (config.bgp) {
        check_racks(*config.bgp, config.topology.get());
    }
    config.proxy_mode = read_proxy_mode(spec);
    config.ipvs_scheduler = read_ipvs_scheduler(spec);
    read_mesh(config, api::at(spec, "mesh"));
    config.policy_established = one_of(spec, "policy.established", "cut", {"cut", "keep"});
    config.dns_enabled =
        !config.nodes.empty() && api::bool_at(spec, "dns.enabled", config.dns_enabled);
    config.dns_replicas = read_dns_replicas(api::at(spec, "dns.replicas"), config.dns_replicas);
    config.dns_node_local = api::bool_at(spec, "dns.nodeLocal", false);
    if (config.dns_node_local && !config.service_cidrs.front().address.is_v4()) {
        throw UsageError(
            "spec.dns.nodeLocal: the caches answer on 169.254.20.10, and the lab's first range is "
            "one of IPv6",
            "leave it out, or put an IPv4 range first");
    }
    (void)read_dns_upstream(api::at(spec, "dns.upstream")); // throws for what is no record
    if (!api::at(spec, "ingress.enabled").is_null()) {
        config.ingress_enabled = api::bool_at(spec, "ingress.enabled", true);
    }
    if (const auto& classes = api::at(spec, "ingress.classes"); classes.is_array()) {
        config.ingress_classes = classes.get<std::vector<std::string>>();
    }
    for (const auto& image : api::at(spec, "images")) {
        config.images.push_back(image_rule(image));
    }
    config.directory = directory_of(lab.source.file);
    check_overlaps(config);
    plan_nodes(config); // throws when a range is too small
    return config;
}

api::Object ClusterConfig::default_lab(const std::string& name, std::size_t nodes) {
    return {
        {{"apiVersion", "labctl.dev/v1"},
         {"kind", "Lab"},
         {"metadata", {{"name", name}}},
         {"spec",
          {{"nodes", nodes},
           {"podCIDR", "10.244.0.0/16"},
           {"serviceCIDR", "10.96.0.0/12"},
           {"clusterDomain", "cluster.local"},
           {"cni", {{"profile", "bridge"}, {"mtu", "auto"}}},
           {"proxy", {{"mode", "nftables"}}},
           {"mesh", {{"profile", "none"}}},
           {"underlay", {{"mtu", 1500}}}}}},
        {}};
}

} // namespace labctl::compile
