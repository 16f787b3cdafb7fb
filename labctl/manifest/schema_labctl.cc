#include "labctl/manifest/schema_table.h"

/// labctl.dev/v1: the lab file and checks (design contract, section 10). Fields that may be one
/// value or a list of them are `any` here; rules_lab.cc looks at them.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 5> kCniProfiles{"bridge", "calico", "cilium", "flannel", "weave"};
constexpr std::array<std::string_view, 5> kOverlays{"geneve", "ipip", "none", "sleeve", "vxlan"};
constexpr std::array<std::string_view, 3> kEmulations{"auto", "none", "userspace"};

constexpr std::array<std::string_view, 2> kEncryptions{"none", "wireguard"};

constexpr std::array<std::string_view, 2> kNodeRoutings{"bgp", "static"};
constexpr std::array<std::string_view, 3> kBgpTopologies{"mesh", "reflector", "tor"};

constexpr Table kBgpOutside{
    int64("asNumber").required(),
};

constexpr Table kBgp{
    text("topology").otherwise("mesh").one_of(kBgpTopologies), int64("asNumber"), any("reflectors"),
    flag("serviceCIDR"), flag("loadBalancer"), object("external", kBgpOutside),
};

constexpr Table kCni{
    text("profile").otherwise("bridge").one_of(kCniProfiles),
    text("overlay").one_of(kOverlays), text("emulation").one_of(kEmulations), flag("kubeProxyReplacement"), any("mtu"),
    flag("crossSubnet"),
    text("encryption").one_of(kEncryptions), text("routing").one_of(kNodeRoutings), object("bgp", kBgp),
    text("conflist"), text("binDir"), text("dataDir"),
};

constexpr Table kIpvs{
    text("scheduler").otherwise("rr"),
};

constexpr std::array<std::string_view, 4> kProxyModes{"iptables", "ipvs", "nftables", "userspace"};

constexpr Table kProxy{
    text("mode").otherwise("nftables").one_of(kProxyModes), object("ipvs", kIpvs),
};

constexpr std::array<std::string_view, 3> kMeshProfiles{"istio", "linkerd", "none"};
constexpr std::array<std::string_view, 6> kInboundPolicies{
    "all-authenticated", "all-unauthenticated", "audit", "cluster-authenticated",
    "cluster-unauthenticated", "deny"};
constexpr Table kMesh{
    text("profile").otherwise("none").one_of(kMeshProfiles), text("trustDomain").is(trust_domain),
    text("defaultInboundPolicy").one_of(kInboundPolicies),
    text("certificateLifetime").is(duration),
};

constexpr std::array<std::string_view, 8> kUpstreamTypes{"A", "AAAA", "CNAME", "MX", "NS", "PTR", "SRV", "TXT"};
constexpr std::array<std::string_view, 3> kUpstreamFaults{"refused", "servfail", "timeout"};

constexpr Table kUpstreamRecord{
    Code{nullptr, check_upstream_record},
    text("name").required(), text("type").one_of(kUpstreamTypes), any("value"), int32("ttl").at_least(0),
    text("fail").one_of(kUpstreamFaults),
};

constexpr Table kUpstream{
    Code{nullptr, check_upstream},
    object("records", kUpstreamRecord).list(), flag("host"),
};

constexpr Table kDns{
    flag("enabled").otherwise(1), int32("replicas").otherwise(2).at_least(0), flag("nodeLocal"),
    object("upstream", kUpstream),
};

constexpr Table kLabIngress{
    flag("enabled"), text("classes").list().is(dns_subdomain),
};

constexpr std::array<std::string_view, 2> kEstablished{"cut", "keep"};

constexpr Table kPolicy{
    text("established").otherwise("cut").one_of(kEstablished),
};

constexpr Table kLoadBalancer{
    any("pool"),
};

constexpr std::array<std::string_view, 2> kUnderlayRoutings{"auto", "manual"};
constexpr std::array<std::string_view, 2> kLinkEmulations{"none", "userspace"};

constexpr Table kUnderlayRoute{
    text("to").required(), text("via").required(),
};

constexpr Table kUnderlaySwitch{
    text("name").required().is(dns_subdomain), any("cidr"), any("vlans"),
};

constexpr Table kUnderlayRouter{
    text("name").required().is(dns_subdomain), any("nat"), object("routes", kUnderlayRoute).list(),
};

constexpr Table kUnderlayHost{
    text("name").required().is(dns_subdomain), object("routes", kUnderlayRoute).list(),
};

constexpr Table kUnderlayLink{
    text("endpoints").list().required(), any("cidr"), any("ipv4"), any("ipv6"), any("mtu"), any("vlan"), any("trunk"),
    any("delay"), any("jitter"), any("loss"), any("duplicate"), any("reorder"), any("corrupt"), any("rate"), any("queue"),
    any("towards"), text("emulation").one_of(kLinkEmulations),
};

constexpr Table kUnderlay{
    Code{default_underlay, nullptr},
    any("mtu"), any("cidr"), any("cidrs"), text("routing").one_of(kUnderlayRoutings), text("emulation").one_of(kLinkEmulations),
    object("switches", kUnderlaySwitch).list(), object("routers", kUnderlayRouter).list(),
    object("hosts", kUnderlayHost).list(), object("links", kUnderlayLink).list(),
};

constexpr Table kLabImage{
    Code{nullptr, check_lab_image},
    text("match").required(), any("run"), text("rootfs"),
};

constexpr Table kLabSpec{
    Code{default_lab_spec, check_lab_spec},
    object("nodes", kLabNode).list().or_count().unique("name"), any("podCIDR"), any("podCIDRs"), any("serviceCIDR"), any("serviceCIDRs"),
    text("clusterDomain").otherwise("cluster.local").is(dns_subdomain),
    object("cni", kCni).always(), object("proxy", kProxy).always(), object("mesh", kMesh).always(),
    object("dns", kDns).always(), object("ingress", kLabIngress),
    object("underlay", kUnderlay).always(), object("policy", kPolicy), object("loadBalancer", kLoadBalancer), object("images", kLabImage).list(),
};

constexpr Table kLabNodeTable{
    text("name").required().is(dns_subdomain), text("zone").is(label_value), labels("labels"),
    object("taints", kTaint).list(),
};

constexpr Table kLabTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kLabSpec).always(),
    any("status"),
};

constexpr Table kCheckSpec{
    any("assertions"),
};

constexpr Table kCheckTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kCheckSpec).always(),
    any("status"),
};

} // namespace

constinit const Struct kLabNode{kLabNodeTable.type()};
constinit const Struct kLab{kLabTable.type()};
constinit const Struct kCheck{kCheckTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
