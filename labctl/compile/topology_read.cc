#include "labctl/compile/topology_read.h"

#include <algorithm>
#include <array>
#include <map>

#include "labctl/compile/topology_draft.h"
#include "netemu/base/limits.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;
using netemu::IpAddress;
using netemu::IpPrefix;

constexpr std::int64_t kLinkMtuMax = 65535;
constexpr std::int64_t kLinkMtuMin = 576;    // RFC 791
constexpr std::int64_t kLinkMtuMinV6 = 1280; // RFC 8200
constexpr const char* kUnderlayPath = "spec.underlay";

constexpr std::array<std::pair<const char*, DeviceKind>, 3> kDeviceLists{{
    {"switches", DeviceKind::Switch},
    {"routers", DeviceKind::Router},
    {"hosts", DeviceKind::Host},
}};

std::string item_path(const std::string& list, std::size_t index) {
    return list + "[" + std::to_string(index) + "]";
}

/// Reads one lab file's underlay.
class DraftReader {
public:
    DraftReader(const TopologyQuestion& question, TopologyProblems& problems)
        : question_(question), problems_(problems) {}

    TopologyDraft run() {
        draft_.ranges = question_.ranges;
        draft_.foreign = question_.foreign;
        read_devices();
        read_routing();
        const auto& links = at(question_.underlay, "links");
        for (std::size_t i = 0; i < links.size(); ++i) {
            read_link(links[i], item_path(std::string(kUnderlayPath) + ".links", i));
        }
        attach_nodes();
        attach_external();
        check_attached();
        return std::move(draft_);
    }

private:
    // --- devices

    void read_devices() {
        add_device({DeviceKind::External, "external", {}, {}, {}, {}, {}});
        for (const auto& node : question_.nodes) {
            add_device({DeviceKind::Node, node, {}, {}, {}, {}, {}});
        }
        for (const auto& [field, kind] : kDeviceLists) {
            const auto& list = at(question_.underlay, field);
            for (std::size_t i = 0; i < list.size(); ++i) {
                read_device(list[i], kind, item_path(std::string(kUnderlayPath) + "." + field, i));
            }
        }
        constexpr std::size_t kDevicesMax = 1000;
        if (draft_.devices.size() > kDevicesMax) {
            problems_.add(
                kUnderlayPath, "more than " + std::to_string(kDevicesMax) + " devices in one lab");
            problems_.finish();
        }
    }

    void read_device(const Json& json, DeviceKind kind, const std::string& path) {
        DraftDevice device;
        device.kind = kind;
        device.path = path;
        device.name = json.is_string() ? json.get<std::string>() : string_at(json, "name");
        if (json.is_object()) {
            device.ranges = read_topology_ranges(at(json, "cidr"), path + ".cidr", problems_);
            device.vlans = read_switch_vlans(at(json, "vlans"), path + ".vlans", problems_);
            device.nat = at(json, "nat");
            device.routes = at(json, "routes");
        }
        if (device.name.empty()) {
            problems_.add(path, "a device needs a name");
            return;
        }
        add_device(std::move(device));
    }

    void add_device(DraftDevice device) {
        const auto [known, is_new] = by_name_.try_emplace(device.name, draft_.devices.size());
        if (!is_new) {
            const auto& other = draft_.devices[known->second];
            const auto kind = std::string(to_text(other.kind));
            problems_.add(
                device.path,
                "the name '" + device.name + "' is that of " +
                    (other.kind == DeviceKind::External ? "the outside" : "a " + kind) + " already",
                "links name their ends, so every device has a name of its own");
            return;
        }
        draft_.devices.push_back(std::move(device));
    }

    void read_routing() {
        const auto routing = string_at(question_.underlay, "routing", "auto");
        if (routing != "auto" && routing != "manual") {
            problems_.add(
                std::string(kUnderlayPath) + ".routing",
                "'" + routing + "' is not known",
                "auto: routes are computed; manual: only those that are written are there");
        }
        draft_.routed = routing != "manual";
    }

    // --- links

    void read_link(const Json& json, const std::string& path) {
        const auto& ends = at(json, "endpoints");
        if (!ends.is_array() || ends.size() != 2) {
            problems_.add(path, "a link has two ends", "endpoints: [h1, s1]");
            return;
        }
        DraftLink link;
        link.path = path;
        link.mtu = read_mtu(at(json, "mtu"), path + ".mtu");
        link.ranges = read_topology_ranges(at(json, "cidr"), path + ".cidr", problems_);
        read_emulation(question_.underlay, json, link, problems_);
        bool good = true;
        for (std::size_t i = 0; i < 2; ++i) {
            link.ends[i].path = item_path(path + ".endpoints", i);
            good = read_end(ends[i], link.ends[i]) && good;
        }
        if (good) {
            read_end_addresses(json, path, draft_.devices, link.ends, problems_);
        }
        if (good && link.ends[0].device == link.ends[1].device) {
            problems_.add(path, "both ends are '" + draft_.devices[link.ends[0].device].name + "'");
            return;
        }
        if (good) {
            read_link_vlans(json, draft_.devices, link, problems_);
            read_impairments(
                json,
                path,
                {draft_.devices[link.ends[0].device].name,
                 draft_.devices[link.ends[1].device].name},
                link,
                problems_);
            draft_.links.push_back(std::move(link));
        }
    }

    std::uint32_t read_mtu(const Json& json, const std::string& path) {
        if (json.is_null()) {
            return question_.mtu;
        }
        const bool v6 =
            std::any_of(draft_.ranges.begin(), draft_.ranges.end(), [](const IpPrefix& range) {
                return range.address.is_v6();
            });
        const auto least = v6 ? kLinkMtuMinV6 : kLinkMtuMin;
        const auto value = json.is_number_integer() ? json.get<std::int64_t>() : 0;
        if (value < least || value > kLinkMtuMax) {
            problems_.add(
                path,
                json.dump() + " is not an MTU between " + std::to_string(least) + " and " +
                    std::to_string(kLinkMtuMax));
            return question_.mtu;
        }
        return static_cast<std::uint32_t>(value);
    }

    /// "NAME", "NAME:INTERFACE", each with "node/", "host/", "router/" or "switch/" before it.
    bool read_end(const Json& json, DraftEnd& end) {
        auto text = json.is_string() ? json.get<std::string>() : std::string();
        if (const auto colon = text.find(':'); colon != std::string::npos) {
            end.interface = text.substr(colon + 1);
            text.resize(colon);
        }
        const auto slash = text.find('/');
        const auto name = slash == std::string::npos ? text : text.substr(slash + 1);
        const auto found = by_name_.find(name);
        const bool kind_fits =
            found != by_name_.end() &&
            (slash == std::string::npos ||
             text.substr(0, slash) == to_text(draft_.devices[found->second].kind));
        if (!kind_fits) {
            std::vector<std::string> names;
            for (const auto& [each, index] : by_name_) {
                names.push_back(each);
            }
            const auto near = netemu::nearest(name, names);
            problems_.add(
                end.path,
                "there is no device '" + text + "'",
                near ? "did you mean '" + *near + "'?"
                     : "it would be one of `switches`, `routers`, `hosts` or the lab's nodes");
            return false;
        }
        end.device = found->second;
        return true;
    }

    // --- who is not named by any link

    [[nodiscard]] bool is_linked(std::size_t device) const {
        return std::any_of(draft_.links.begin(), draft_.links.end(), [&](const DraftLink& link) {
            return link.ends[0].device == device || link.ends[1].device == device;
        });
    }

    void attach(std::size_t device, std::size_t to) {
        DraftLink link;
        link.mtu = question_.mtu;
        link.ends[0].device = device;
        link.ends[1].device = to;
        for (auto& end : link.ends) {
            end.path = kUnderlayPath;
        }
        link.path = kUnderlayPath;
        read_emulation(question_.underlay, {}, link, problems_);
        draft_.links.push_back(std::move(link));
    }

    void attach_nodes() {
        std::vector<std::size_t> switches;
        for (std::size_t i = 0; i < draft_.devices.size(); ++i) {
            if (draft_.devices[i].kind == DeviceKind::Switch) {
                switches.push_back(i);
            }
        }
        for (std::size_t i = 0; i < draft_.devices.size(); ++i) {
            if (draft_.devices[i].kind != DeviceKind::Node || is_linked(i)) {
                continue;
            }
            if (switches.size() == 1) {
                attach(i, switches.front());
                continue;
            }
            problems_.add(
                std::string(kUnderlayPath) + ".links",
                "node '" + draft_.devices[i].name + "' is linked to nothing" +
                    (switches.empty() ? "" : ", and there are several switches"),
                "endpoints: [" + draft_.devices[i].name + ", SWITCH]");
        }
    }

    /// Where the first node is, unless the lab file says where; without nodes there is no outside.
    void attach_external() {
        if (is_linked(0) || question_.nodes.empty()) {
            return;
        }
        for (const auto& link : draft_.links) {
            for (std::size_t i = 0; i < 2; ++i) {
                const auto& other = draft_.devices[link.ends[1 - i].device];
                if (link.ends[i].device == 1 && other.kind == DeviceKind::Switch) {
                    attach(0, link.ends[1 - i].device);
                    return;
                }
            }
        }
        problems_.add(
            std::string(kUnderlayPath) + ".links",
            "`external`, the outside, is linked to nothing",
            "endpoints: [external, ROUTER]");
    }

    void check_attached() {
        for (std::size_t i = 0; i < draft_.devices.size(); ++i) {
            const auto& device = draft_.devices[i];
            const bool needs = device.kind == DeviceKind::Host || device.kind == DeviceKind::Router;
            if (needs && !is_linked(i)) {
                problems_.add(
                    device.path,
                    std::string(to_text(device.kind)) + " '" + device.name +
                        "' is linked to nothing",
                    "links: [{endpoints: [" + device.name + ", ...]}]");
            }
        }
    }

    const TopologyQuestion& question_;
    TopologyProblems& problems_;
    TopologyDraft draft_;
    std::map<std::string, std::size_t> by_name_;
};

} // namespace

TopologyError::TopologyError(std::vector<TopologyProblem> problems)
    : UsageError(problems.at(0).path + ": " + problems.at(0).message, problems.at(0).hint),
      problems_(std::move(problems)) {
}

void TopologyProblems::finish() const {
    if (any()) {
        throw TopologyError(all_);
    }
}

bool describes_topology(const Json& underlay) {
    return std::any_of(
               kDeviceLists.begin(),
               kDeviceLists.end(),
               [&](const auto& list) { return !at(underlay, list.first).empty(); }) ||
           !at(underlay, "links").empty();
}

std::vector<IpPrefix>
read_topology_ranges(const Json& json, const std::string& path, TopologyProblems& problems) {
    std::vector<IpPrefix> ranges;
    const auto add = [&](const Json& item, const std::string& where) {
        const auto whole = item.is_string() ? item.get<std::string>() : item.dump();
        for (const auto part : netemu::split(whole, ',')) {
            const auto range = IpPrefix::parse(netemu::trim(part));
            if (!range || range->network() != *range) {
                problems.add(
                    where,
                    "'" + std::string(netemu::trim(part)) + "' is not a range of addresses",
                    range ? "did you mean " + range->network().to_string() + "?"
                          : "for example 10.0.0.0/24");
                continue;
            }
            const bool twice = std::any_of(ranges.begin(), ranges.end(), [&](const auto& each) {
                return each.address.family() == range->address.family();
            });
            if (twice) {
                problems.add(where, "give one range, or one IPv4 and one IPv6 range");
            } else {
                ranges.push_back(*range);
            }
        }
    };
    for (std::size_t i = 0; json.is_array() && i < json.size(); ++i) {
        add(json[i], item_path(path, i));
    }
    if (!json.is_array() && !json.is_null()) {
        add(json, path);
    }
    return ranges;
}

TopologyDraft read_draft(const TopologyQuestion& question, TopologyProblems& problems) {
    return DraftReader(question, problems).run();
}

std::shared_ptr<const Topology> read_topology(const TopologyQuestion& question) {
    TopologyProblems problems;
    const auto draft = read_draft(question, problems);
    problems.finish();
    auto topology = wire_topology(draft, problems);
    problems.finish();
    address_topology(draft, topology, problems);
    problems.finish();
    route_topology(draft, topology, problems);
    problems.finish();
    return std::make_shared<const Topology>(std::move(topology));
}

} // namespace labctl::compile
