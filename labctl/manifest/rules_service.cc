#include <array>
#include <set>
#include <tuple>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/names.h"
#include "labctl/manifest/rules.h"
#include "netemu/base/address.h"
#include "netemu/base/text.h"

namespace labctl::manifest {

namespace {

using api::Json;
using netemu::IpAddress;

constexpr std::int64_t kNodePortMin = 30000;
constexpr std::int64_t kNodePortMax = 32767;

bool exposed(std::string_view type) {
    return type == "NodePort" || type == "LoadBalancer";
}

void check_node_port(const Cursor& port, std::string_view type) {
    const auto node_port = port["nodePort"];
    if (node_port.number() == 0) {
        return;
    }
    if (!exposed(type)) {
        node_port.forbidden(compose({"may not be used when `type` is '", type, "'"}));
    } else if (node_port.number() < kNodePortMin || node_port.number() > kNodePortMax) {
        node_port.invalid(
            "provided port is not in the valid range. The range of valid ports is 30000-32767");
    }
}

void check_ports(const Cursor& spec, std::string_view type) {
    const auto ports = spec["ports"];
    std::set<std::string_view> names;
    std::set<std::pair<std::string_view, std::int64_t>> used;
    std::set<std::pair<std::string_view, std::int64_t>> node_ports;
    ports.each([&](const Cursor& port) {
        const auto name = port["name"];
        if (name.text().empty()) {
            if (ports.size() > 1 && (!name.present() || name.is_text())) {
                name.required("a Service with several ports names each of them");
            }
        } else if (!names.insert(name.text()).second) {
            name.duplicate();
        }
        check_node_port(port, type);
        const auto protocol = port["protocol"].text();
        const auto number = port["port"].number();
        if (number != 0 && !used.emplace(protocol, number).second) {
            port["port"].error(compose(
                {"Duplicate value: ",
                 std::to_string(number),
                 "/",
                 protocol,
                 " is already a port of this Service"}));
        }
        const auto node_port = port["nodePort"];
        if (node_port.number() != 0 && !node_ports.emplace(protocol, node_port.number()).second) {
            node_port.duplicate();
        }
    });
}

void check_external_name(const Cursor& spec) {
    for (const std::string_view field : {"clusterIP", "clusterIPs"}) {
        if (spec[field].size() > 0 || !spec[field].text().empty()) {
            spec[field].forbidden("may not be set for ExternalName services");
        }
    }
    auto name = spec["externalName"].text();
    if (name.empty()) {
        spec["externalName"].required();
        return;
    }
    name.remove_suffix(name.back() == '.' ? 1 : 0);
    spec["externalName"].check(dns_subdomain(name));
    for (const std::string_view field : {"ipFamilies", "ipFamilyPolicy"}) {
        if (spec[field].present()) {
            spec[field].forbidden("may not be set for ExternalName services");
        }
    }
}

bool is_headless(const Cursor& spec) {
    return spec["clusterIP"].is("None") || spec["clusterIPs"][0].is("None");
}

void check_cluster_ip(const Cursor& at) {
    if (!at.text().empty() && !at.is("None") && !IpAddress::parse(at.text())) {
        at.invalid(
            "must be empty, 'None', or a valid IP address", "leave it out and one is chosen");
    }
}

void check_cluster_ips(const Cursor& spec, std::string_view type) {
    const auto first = spec["clusterIP"];
    const auto all = spec["clusterIPs"];
    check_cluster_ip(first);
    if (is_headless(spec) && exposed(type)) {
        first.invalid(compose({"may not be set to 'None' for ", type, " services"}));
    }
    if (all.size() > 2) {
        all.invalid("may only hold up to 2 values");
    }
    for (std::size_t i = 0; i < all.size() && i < 2; ++i) {
        if (!all[i].is(first.text())) {
            check_cluster_ip(all[i]);
        }
    }
    if (all.size() > 0 && all[0].is_text() && first.is_text() && !all[0].is(first.text())) {
        all[0].invalid("first value must match `clusterIP`");
    }
    const auto a = IpAddress::parse(all[0].text());
    const auto b = IpAddress::parse(all[1].text());
    if (a && b && a->family() == b->family()) {
        all.invalid("may specify no more than one IP for each IP family");
    }
}

void check_affinity(const Cursor& spec) {
    const auto config = spec["sessionAffinityConfig"];
    if (spec["sessionAffinity"].is("None") && config.present()) {
        config.forbidden("must not be set when session affinity is None");
    }
}

/// What only a load balancer has. Blanks around a range are tolerated, as kube-proxy does (2.5).
void check_load_balancer(const Cursor& spec, std::string_view type) {
    const auto ranges = spec["loadBalancerSourceRanges"];
    if (type != "LoadBalancer") {
        for (const auto& field :
             {ranges, spec["loadBalancerClass"], spec["allocateLoadBalancerNodePorts"]}) {
            if (field.present()) {
                field.forbidden("may only be used when `type` is 'LoadBalancer'");
            }
        }
    }
    ranges.each([](const Cursor& range) {
        if (range.is_text()) {
            range.check(cidr(netemu::trim(range.text())));
        }
    });
    const auto health = spec["healthCheckNodePort"];
    if (health.number() == 0) {
        return;
    }
    if (type != "LoadBalancer" || !spec["externalTrafficPolicy"].is("Local")) {
        health.invalid(
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    } else if (health.number() < kNodePortMin || health.number() > kNodePortMax) {
        health.invalid(
            "provided port is not in the valid range. The range of valid ports is 30000-32767");
    }
}

/// The kernel's special ranges, which no endpoint can have.
std::string special_address(const IpAddress& ip) {
    const auto* bytes = ip.bytes();
    const auto starts = [&](int a, int b) { return bytes[0] == a && bytes[1] == b; };
    if (ip.is_unspecified()) {
        return "may not be unspecified (0.0.0.0 or ::)";
    }
    if (ip.is_loopback()) {
        return "may not be in the loopback range (127.0.0.0/8, ::1/128)";
    }
    const bool link_local =
        ip.is_v4() ? starts(169, 254) : bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80;
    if (link_local) {
        return "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
    }
    const bool multicast = ip.is_v4() ? starts(224, 0) && bytes[2] == 0 : bytes[0] == 0xFF;
    return multicast ? "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
                     : "";
}

void check_endpoint_address(const Cursor& at) {
    if (const auto ip = IpAddress::parse(at.text())) {
        at.check(special_address(*ip));
    }
}

void check_slice_address(const Cursor& at, const Cursor& type) {
    const auto ip = IpAddress::parse(at.text());
    if (type.is("FQDN")) {
        at.check(ip ? "must be a DNS name, not an IP address" : dns_subdomain(at.text()));
    } else if (type.is("IPv4") || type.is("IPv6")) {
        const bool v4 = type.is("IPv4");
        if (!ip || ip->is_v4() != v4) {
            at.invalid(v4 ? "must be an IPv4 address" : "must be an IPv6 address");
        } else {
            at.check(special_address(*ip));
        }
    }
}

void check_count(const Cursor& list, std::size_t most) {
    if (list.size() > most) {
        list.error(compose(
            {"Too many: ",
             std::to_string(list.size()),
             ": must have at most ",
             std::to_string(most),
             " items"}));
    }
}

} // namespace

void default_service_port(Json& port) {
    const auto& target = api::at(port, "targetPort");
    if (target.is_null() || target == 0 || target == "") {
        if (const auto& own = api::at(port, "port"); own.is_number_integer()) {
            port["targetPort"] = own;
        }
    }
}

void check_service_port(const Cursor& port) {
    const auto target = port["targetPort"];
    if (target.is_number() && (target.number() < 1 || target.number() > kPortMax)) {
        if (target.number() != port["port"].number()) { // which has been reported already
            target.invalid("must be between 1 and 65535, inclusive");
        }
    } else if (target.is_text()) {
        target.check(port_name(target.text()));
    }
}

void default_service_spec(Json& spec) {
    const auto type = api::string_at(spec, "type");
    const bool external = type == "ExternalName";
    const auto put = [&](const char* field, const Json& value) {
        if (api::at(spec, field).is_null()) {
            spec[field] = value;
        }
    };
    if (exposed(type)) {
        put("externalTrafficPolicy", "Cluster");
    }
    if (type == "LoadBalancer") {
        put("allocateLoadBalancerNodePorts", true);
    }
    if (!external) {
        put("internalTrafficPolicy", "Cluster");
    }
    if (api::string_at(spec, "sessionAffinity") == "ClientIP") {
        put("sessionAffinityConfig", {{"clientIP", Json::object()}});
    }
    if (const auto ip = api::string_at(spec, "clusterIP"); !ip.empty() && !external) {
        put("clusterIPs", Json::array({ip}));
    }
}

void check_service_spec(const Cursor& spec) {
    const auto type = spec["type"].text();
    if (spec["ports"].size() == 0 && type != "ExternalName" && !is_headless(spec) &&
        (!spec["ports"].present() || spec["ports"].json().is_array())) {
        spec["ports"].required();
    }
    check_ports(spec, type);
    check_affinity(spec);
    if (type == "ExternalName") {
        check_external_name(spec);
    } else {
        check_cluster_ips(spec, type);
    }
    const auto policy = spec["externalTrafficPolicy"];
    if (policy.present() && !exposed(type) && spec["externalIPs"].size() == 0) {
        policy.invalid("may only be set for externally-accessible services");
    }
    check_count(spec["ipFamilies"], 2);
    if (spec["ipFamilies"].size() == 2 && spec["ipFamilies"][0].is(spec["ipFamilies"][1].text())) {
        spec["ipFamilies"][1].duplicate();
    }
    spec["externalIPs"].each([](const Cursor& ip) { check_endpoint_address(ip); });
    check_load_balancer(spec, type);
}

void check_endpoint_subset(const Cursor& subset) {
    const auto ready = subset["addresses"];
    const auto waiting = subset["notReadyAddresses"];
    if (ready.size() == 0 && waiting.size() == 0) {
        subset.required("must specify `addresses` or `notReadyAddresses`");
    }
    for (const auto& list : {ready, waiting}) {
        list.each([](const Cursor& address) { check_endpoint_address(address["ip"]); });
    }
    const auto ports = subset["ports"];
    ports.each([&](const Cursor& port) {
        if (ports.size() > 1 && port["name"].text().empty()) {
            port["name"].required();
        }
    });
}

void default_endpoint_slice_port(Json& port) {
    if (!port.contains("name")) {
        port["name"] = "";
    }
}

void check_endpoint_slice(const Cursor& slice) {
    constexpr std::size_t kEndpointsMax = 1000;
    constexpr std::size_t kAddressesMax = 100;
    constexpr std::size_t kPortsMax = 20000;
    constexpr std::size_t kHintsMax = 8;
    check_count(slice["endpoints"], kEndpointsMax);
    check_count(slice["ports"], kPortsMax);
    const auto type = slice["addressType"];
    slice["endpoints"].each([&](const Cursor& endpoint) {
        check_count(endpoint["addresses"], kAddressesMax);
        endpoint["addresses"].each(
            [&](const Cursor& address) { check_slice_address(address, type); });
        check_count(endpoint["hints"]["forZones"], kHintsMax);
        check_count(endpoint["hints"]["forNodes"], kHintsMax);
    });
    std::set<std::string_view> names;
    slice["ports"].each([&](const Cursor& port) {
        if (!names.insert(port["name"].text()).second) {
            port["name"].duplicate();
        }
    });
}

} // namespace labctl::manifest
