#include <algorithm>

#include "labctl/compile/topology_draft.h"

/// What a lab file says of virtual networks (IEEE 802.1Q): which there are on a switch, and which
/// cross a link, with tags or without.
namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using netemu::IpAddress;
using netemu::IpPrefix;

/// 0, and a problem, for what is none.
std::uint16_t read_vlan_id(const Json& json, const std::string& path, TopologyProblems& problems) {
    const auto id = json.is_number_integer() ? json.get<std::int64_t>() : 0;
    if (id < netemu::kVlanIdMin || id > netemu::kVlanIdMax) {
        problems.add(
            path,
            json.dump() + " is not the number of a VLAN",
            "from " + std::to_string(netemu::kVlanIdMin) + " to " +
                std::to_string(netemu::kVlanIdMax));
        return 0;
    }
    return static_cast<std::uint16_t>(id);
}

bool is_switch_of(const std::vector<DraftDevice>& devices, const DraftEnd& end) {
    return devices[end.device].kind == DeviceKind::Switch;
}

/// Takes addresses of the ends of a link.
class EndAddresses {
public:
    EndAddresses(
        const std::vector<DraftDevice>& devices,
        std::array<DraftEnd, 2>& ends,
        TopologyProblems& problems)
        : devices_(devices), ends_(ends), problems_(problems) {}

    void read(const Json& json, const std::string& path, bool v4) {
        if (json.is_null()) {
            return;
        }
        if (!json.is_array() || json.size() > 2) {
            problems_.add(path, "expected one address for each end", "ipv4: [10.0.0.1/24, ~]");
            return;
        }
        for (std::size_t i = 0; i < json.size(); ++i) {
            const bool open = json[i].is_null() || json[i] == "";
            if (!open) {
                take(json[i], path + "[" + std::to_string(i) + "]", v4, ends_.at(i));
            }
        }
    }

private:
    void take(const Json& json, const std::string& where, bool v4, DraftEnd& end) {
        const auto text = json.is_string() ? json.get<std::string>() : std::string();
        auto prefix = IpPrefix::parse(text);
        if (const auto plain = IpAddress::parse(text)) {
            prefix = IpPrefix{*plain, 0};
        }
        if (!prefix || prefix->address.is_v4() != v4) {
            problems_.add(
                where,
                json.dump() + " is not an " + (v4 ? "IPv4" : "IPv6") + " address",
                v4 ? "10.0.0.1/24, or 10.0.0.1" : "fd00::1/64, or fd00::1");
        } else if (is_switch_of(devices_, end)) {
            problems_.add(where, "a switch has no address");
        } else {
            end.addresses.push_back(*prefix);
        }
    }

    const std::vector<DraftDevice>& devices_;
    std::array<DraftEnd, 2>& ends_;
    TopologyProblems& problems_;
};

/// Reads what one link says of networks.
class LinkVlans {
public:
    LinkVlans(const std::vector<DraftDevice>& devices, DraftLink& draft, TopologyProblems& problems)
        : devices_(devices), draft_(draft), problems_(problems) {}

    void run(const Json& link) {
        const auto& vlan = at(link, "vlan");
        const auto& trunk = at(link, "trunk");
        if (vlan.is_null() && trunk.is_null()) {
            return;
        }
        const auto& where = draft_.path + (trunk.is_null() ? ".vlan" : ".trunk");
        const bool of_switch =
            is_switch_of(devices_, draft_.ends[0]) || is_switch_of(devices_, draft_.ends[1]);
        if (!of_switch && trunk.is_null()) {
            problems_.add(
                where,
                "there is no switch at either end of this link",
                "trunk: [10] puts tags on it, between two routers, too");
            return;
        }
        if (!vlan.is_null()) {
            draft_.vlan = read_vlan_id(vlan, draft_.path + ".vlan", problems_);
        }
        if (!trunk.is_null()) {
            read_trunk(trunk, draft_.path + ".trunk");
            check_trunk(link);
        }
    }

private:
    void read_trunk(const Json& json, const std::string& path) {
        if (!json.is_array() || json.empty()) {
            problems_.add(
                path, "expected the networks that cross it with a tag", "trunk: [10, 20]");
            return;
        }
        for (std::size_t i = 0; i < json.size(); ++i) {
            const auto where = path + "[" + std::to_string(i) + "]";
            const bool plain = !json[i].is_object();
            DraftTrunk each;
            each.id = read_vlan_id(
                plain ? json[i] : at(json[i], "vlan"), plain ? where : where + ".vlan", problems_);
            each.ends = draft_.ends;
            for (auto& end : each.ends) {
                end.addresses.clear();
                end.path = where;
            }
            if (!plain) {
                read_end_addresses(json[i], where, devices_, each.ends, problems_);
            }
            add(std::move(each), where);
        }
        std::sort(draft_.trunk.begin(), draft_.trunk.end(), [](const auto& a, const auto& b) {
            return a.id < b.id;
        });
    }

    void add(DraftTrunk each, const std::string& where) {
        const bool twice =
            each.id == draft_.vlan ||
            std::any_of(draft_.trunk.begin(), draft_.trunk.end(), [&](const auto& other) {
                return other.id == each.id;
            });
        if (each.id == 0) {
            return; // that has been said
        }
        if (twice) {
            problems_.add(
                where,
                "VLAN " + std::to_string(each.id) +
                    (each.id == draft_.vlan ? " crosses this link without a tag already"
                                            : " is there twice"));
            return;
        }
        draft_.trunk.push_back(std::move(each));
    }

    void check_trunk(const Json& link) {
        if (!at(link, "cidr").is_null()) {
            problems_.add(
                draft_.path + ".cidr",
                "several networks cross this link, and each has a range of its own",
                "of a switch: vlans: [{id: 10, cidr: 10.0.10.0/24}]");
        }
        for (const auto& end : draft_.ends) {
            const auto& device = devices_[end.device];
            const bool bare = draft_.vlan == 0 && !is_switch_of(devices_, end);
            if (bare && !end.addresses.empty()) {
                problems_.add(
                    draft_.path + ".trunk",
                    "nothing crosses this link without a tag, so " + device.name +
                        " has no address there but those of its networks",
                    "trunk: [{vlan: 10, ipv4: [10.0.10.1/24, ~]}], or vlan: for what has no tag");
            }
            if (bare && device.kind == DeviceKind::Node) {
                problems_.add(
                    draft_.path + ".trunk",
                    "what node '" + device.name +
                        "' does on the underlay it does by an interface without tags",
                    "say vlan: N, too, for the network that crosses this link without a tag");
            }
        }
    }

    const std::vector<DraftDevice>& devices_;
    DraftLink& draft_;
    TopologyProblems& problems_;
};

} // namespace

std::vector<DraftVlan>
read_switch_vlans(const Json& json, const std::string& path, TopologyProblems& problems) {
    std::vector<DraftVlan> vlans;
    for (std::size_t i = 0; json.is_array() && i < json.size(); ++i) {
        const auto where = path + "[" + std::to_string(i) + "]";
        const bool plain = !json[i].is_object();
        DraftVlan vlan;
        vlan.path = where;
        vlan.id = read_vlan_id(
            plain ? json[i] : at(json[i], "id"), plain ? where : where + ".id", problems);
        if (!plain) {
            vlan.ranges = read_topology_ranges(at(json[i], "cidr"), where + ".cidr", problems);
        }
        const bool twice = std::any_of(vlans.begin(), vlans.end(), [&](const auto& each) {
            return each.id == vlan.id && vlan.id != 0;
        });
        if (twice) {
            problems.add(where, "VLAN " + std::to_string(vlan.id) + " is there twice");
        }
        vlans.push_back(std::move(vlan));
    }
    return vlans;
}

void read_link_vlans(
    const Json& link,
    const std::vector<DraftDevice>& devices,
    DraftLink& draft,
    TopologyProblems& problems) {
    LinkVlans(devices, draft, problems).run(link);
}

void read_end_addresses(
    const Json& json,
    const std::string& path,
    const std::vector<DraftDevice>& devices,
    std::array<DraftEnd, 2>& ends,
    TopologyProblems& problems) {
    EndAddresses reader(devices, ends, problems);
    reader.read(at(json, "ipv4"), path + ".ipv4", true);
    reader.read(at(json, "ipv6"), path + ".ipv6", false);
}

} // namespace labctl::compile
