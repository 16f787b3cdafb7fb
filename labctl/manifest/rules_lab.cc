#include <set>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/rules.h"
#include "netemu/base/address.h"
#include "netemu/base/limits.h"
#include "netemu/base/text.h"

namespace labctl::manifest {

namespace {

using api::Json;
using netemu::IpPrefix;
namespace limits = netemu::limits;

constexpr std::int64_t kMtuMin = 576;    // RFC 791: what every IPv4 host must accept
constexpr std::int64_t kMtuMinV6 = 1280; // RFC 8200
constexpr std::int64_t kMtuMax = 65535;

/// An address range and where it was written.
struct Range {
    IpPrefix prefix;
    Cursor at;
};
using Ranges = std::vector<Range>;

void add_range(Ranges& ranges, const Cursor& at, std::string_view text) {
    const auto prefix = IpPrefix::parse(netemu::trim(text));
    if (!prefix) {
        at.invalid("must be a valid CIDR value, (e.g. 10.244.0.0/16 or fd00:10:244::/56)");
    } else if (prefix->network() != *prefix) {
        at.invalid(
            "the address has bits outside of the range's prefix",
            compose({"did you mean '", prefix->network().to_string(), "'?"}));
    } else {
        ranges.push_back({*prefix, at});
    }
}

/// One range, a list of ranges, or a text with commas, as kube-controller-manager takes them.
Ranges read_ranges(const Cursor& field) {
    Ranges ranges;
    const auto add = [&](const Cursor& at) {
        if (!at.is_text()) {
            at.error(
                compose({"expected a range such as 10.244.0.0/16, found ", quoted(at.json())}));
            return;
        }
        for (const auto part : netemu::split(at.text(), ',')) {
            add_range(ranges, at, part);
        }
    };
    if (field.json().is_array()) {
        field.each(add);
    } else if (field.present()) {
        add(field);
    }
    const bool twice = ranges.size() == 2 &&
                       ranges[0].prefix.address.family() == ranges[1].prefix.address.family();
    if (ranges.size() > 2 || twice) {
        field.error("Invalid value: give one range, or one IPv4 and one IPv6 range");
    }
    return ranges;
}

/// The ranges that apply where none is written (see compile::ClusterConfig).
Ranges ranges_or(const Cursor& field, std::string_view built_in) {
    auto ranges = read_ranges(field);
    if (!field.present()) {
        ranges.push_back({*IpPrefix::parse(built_in), field});
    }
    return ranges;
}

void check_overlap(const Range& one, const Range& other) {
    if (!one.prefix.overlaps(other.prefix)) {
        return;
    }
    const auto place = one.at.report().place(one.at.path(), Report::At::Value);
    const auto where = one.at.present() && place.line > 0
                           ? compose({" (line ", std::to_string(place.line), ")"})
                           : std::string(one.at.present() ? "" : " (the default)");
    other.at.error(
        compose(
            {"Invalid value: ",
             other.prefix.to_string(),
             " overlaps ",
             one.at.path().to_string(),
             " ",
             one.prefix.to_string(),
             where}),
        "pods, Services and the underlay need ranges of their own");
}

void check_overlaps(const Ranges& left, const Ranges& right) {
    for (const auto& one : left) {
        for (const auto& other : right) {
            if (other.at.present()) {
                check_overlap(one, other);
            } else if (one.at.present()) {
                check_overlap(other, one);
            }
        }
    }
}

void check_overlaps(const std::vector<Ranges>& all) {
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t j = i + 1; j < all.size(); ++j) {
            check_overlaps(all[i], all[j]);
        }
    }
}

/// A /24 per node, or a /64.
void check_room_for_pods(const Range& range, std::size_t nodes) {
    const unsigned per_node = range.prefix.address.is_v4() ? 24 : 64;
    const std::uint64_t fits = range.prefix.length > per_node
                                   ? 0
                                   : std::uint64_t{1}
                                         << std::min(per_node - range.prefix.length, 32U);
    if (fits < nodes) {
        range.at.invalid(compose(
            {"has room for ",
             std::to_string(fits),
             " nodes (each gets a /",
             std::to_string(per_node),
             "), but the lab has ",
             std::to_string(nodes)}));
    }
}

void check_room_for_nodes(const Range& range, std::size_t nodes) {
    constexpr std::size_t kReserved = 3; // the network, `external`, and the broadcast address
    if (range.prefix.size() < nodes + kReserved) {
        range.at.invalid(compose({"is too small for ", std::to_string(nodes), " nodes"}));
    }
}

/// Whether the underlay has more than the nodes: then there may be none.
bool has_devices(const Cursor& underlay) {
    return underlay["switches"].size() + underlay["routers"].size() + underlay["hosts"].size() > 0;
}

/// The number of nodes, 1 when it is not valid.
std::size_t check_nodes(const Cursor& nodes, bool may_lack) {
    constexpr auto kMax = static_cast<std::int64_t>(limits::kNodesMax);
    const auto count = nodes.is_number() ? nodes.number() : static_cast<std::int64_t>(nodes.size());
    if (nodes.is_number() || nodes.json().is_array()) {
        if (count == 0 && may_lack) {
            return 0;
        }
        if (count < 1 || count > kMax) {
            nodes.error(compose(
                {"Invalid value: ",
                 std::to_string(count),
                 ": a lab has between 1 and ",
                 std::to_string(kMax),
                 " nodes"}));
            return 1;
        }
    }
    return static_cast<std::size_t>(std::max<std::int64_t>(count, 1));
}

void check_mtu(const Cursor& mtu, bool v6) {
    const auto least = v6 ? kMtuMinV6 : kMtuMin;
    const bool number = mtu.is_number() && mtu.number() >= least && mtu.number() <= kMtuMax;
    if (mtu.present() && !number) {
        mtu.invalid(compose({"must be between ", std::to_string(least), " and 65535, inclusive"}));
    }
}

void take_alias(Json& object, const char* alias, const char* name) {
    const auto found = object.find(alias);
    if (found != object.end() && !found->is_null() && api::at(object, name).is_null()) {
        object[name] = std::move(*found);
        object.erase(alias);
    }
}

} // namespace

void default_lab_spec(Json& spec) {
    take_alias(spec, "podCIDRs", "podCIDR");
    take_alias(spec, "serviceCIDRs", "serviceCIDR");
    if (const auto underlay = spec.find("underlay");
        underlay != spec.end() && underlay->is_object()) {
        take_alias(*underlay, "cidrs", "cidr");
    }
    auto& nodes = spec["nodes"];
    if (nodes.is_null()) {
        nodes = 3;
    }
    for (auto& node : nodes.is_array() ? nodes : Json::array()) {
        if (node.is_string()) {
            node = Json{{"name", std::move(node)}};
        }
    }
}

/// A device may be given as its name.
void default_underlay(Json& underlay) {
    for (const auto* list : {"switches", "routers", "hosts"}) {
        const auto found = underlay.find(list);
        for (std::size_t i = 0; found != underlay.end() && found->is_array() && i < found->size();
             ++i) {
            if (auto& device = (*found)[i]; device.is_string()) {
                device = Json{{"name", device.get<std::string>()}};
            }
        }
    }
}

void check_lab_image(const Cursor& image) {
    const auto run = image["run"];
    if (!run.present() && !image["rootfs"].present()) {
        image.required("an entry needs `run` or `rootfs`");
    }
    const bool command = run.json().is_array() && run.size() > 0;
    if (run.present() && !command && run.text().empty()) {
        run.error(
            "expected `idle` or a command, a list of words",
            "run: [\"/usr/bin/python3\", \"-m\", \"http.server\"]");
    }
    run.each([](const Cursor& word) {
        if (!word.is_text()) {
            word.error("expected a string", "put it in quotes, so that it is text");
        }
    });
}

/// What not every profile has.
void check_overlay_of(const Cursor& cni) {
    const auto& profile = cni["profile"];
    if (cni["overlay"].is("geneve") && !profile.is("cilium") && !profile.is("bridge")) {
        cni["overlay"].invalid("the profiles cilium and bridge have it, all have vxlan and none");
    }
    if (cni["overlay"].is("ipip") && !profile.is("calico")) {
        cni["overlay"].invalid("the profile calico has it, all have vxlan and none");
    }
    if (cni["overlay"].is("sleeve") && !profile.is("weave")) {
        cni["overlay"].invalid("the profile weave has it, all have vxlan and none");
    }
}

/// What WireGuard between nodes goes with.
void check_encryption(const Cursor& cni) {
    if (!cni["encryption"].is("wireguard")) {
        return;
    }
    if (cni["profile"].is("weave")) {
        cni["encryption"].invalid("the profiles bridge, calico, cilium and flannel have WireGuard");
    }
    if (cni["overlay"].present() && !cni["overlay"].is("none")) {
        cni["overlay"].invalid(
            "WireGuard carries the pods' packets itself", "leave it out, or say overlay: none");
    }
}

namespace {

void check_lifetime(const Cursor& lifetime) {
    constexpr std::uint64_t kLeastUs = 2'000'000;
    const auto micros = netemu::parse_duration_us(lifetime.text());
    if (micros && *micros < kLeastUs) {
        lifetime.invalid("must be 2s or more: certificates are renewed at half of it");
    }
}

} // namespace

void check_lab_spec(const Cursor& spec) {
    const auto nodes = check_nodes(spec["nodes"], has_devices(spec["underlay"]));
    const auto pods = ranges_or(spec["podCIDR"], "10.244.0.0/16");
    const auto services = ranges_or(spec["serviceCIDR"], "10.96.0.0/12");
    const auto underlay = ranges_or(spec["underlay"]["cidr"], "172.18.0.0/16");
    if (nodes > 0) { // else there are neither pods nor Services
        check_overlaps({pods, services, underlay});
    }
    bool v6 = false;
    for (const auto& range : pods) {
        check_room_for_pods(range, nodes);
        v6 = v6 || range.prefix.address.is_v6();
    }
    for (const auto& range : underlay) {
        if (!has_devices(spec["underlay"])) {
            check_room_for_nodes(range, nodes);
        }
    }
    check_mtu(spec["underlay"]["mtu"], v6);
    check_overlay_of(spec["cni"]);
    check_encryption(spec["cni"]);
    check_lifetime(spec["mesh"]["certificateLifetime"]);
    if (!spec["cni"]["mtu"].is("auto")) {
        check_mtu(spec["cni"]["mtu"], v6);
    }
}

} // namespace labctl::manifest
