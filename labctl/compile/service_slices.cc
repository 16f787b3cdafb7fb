#include "labctl/compile/service_slices.h"

#include <algorithm>

#include "labctl/compile/control.h"
#include "labctl/compile/service_families.h"

namespace labctl::compile {

namespace {

using api::Json;
using netemu::Family;
using services::PackedSlice;
using services::PlacedEndpoint;

constexpr const char* kTriggerTime = "endpoints.kubernetes.io/last-change-trigger-time";

Json conditions_json(const services::Endpoint& endpoint) {
    Json conditions;
    api::add_field(conditions, "ready", endpoint.ready);
    api::add_field(conditions, "serving", endpoint.serving);
    api::add_field(conditions, "terminating", endpoint.terminating);
    return conditions;
}

Json names_json(const std::vector<std::string>& names) {
    Json list = Json::array();
    for (const auto& name : names) {
        list.push_back({{"name", name}});
    }
    return list;
}

Json endpoint_json(const PlacedEndpoint& placed) {
    const auto& endpoint = placed.endpoint;
    Json json;
    auto addresses = Json::array();
    addresses.push_back(endpoint.address.to_string());
    api::add_field(json, "addresses", std::move(addresses));
    api::add_field(json, "conditions", conditions_json(endpoint));
    if (!endpoint.hints.zones.empty() || !endpoint.hints.nodes.empty()) {
        Json hints = Json::object();
        if (!endpoint.hints.nodes.empty()) {
            hints["forNodes"] = names_json(endpoint.hints.nodes);
        }
        if (!endpoint.hints.zones.empty()) {
            hints["forZones"] = names_json(endpoint.hints.zones);
        }
        api::add_field(json, "hints", std::move(hints));
    }
    if (!endpoint.hostname.empty()) {
        api::add_field(json, "hostname", endpoint.hostname);
    }
    if (!endpoint.node.empty()) {
        api::add_field(json, "nodeName", endpoint.node);
    }
    if (!endpoint.pod_name.empty()) {
        api::add_field(json, "targetRef", pod_reference(placed));
    }
    if (!endpoint.zone.empty()) {
        api::add_field(json, "zone", endpoint.zone);
    }
    return json;
}

Json ports_json(const std::vector<services::SlicePort>& ports) {
    Json list = Json::array();
    for (const auto& port : ports) {
        Json json;
        if (!port.app_protocol.empty()) {
            json["appProtocol"] = port.app_protocol;
        }
        json["name"] = port.name;
        if (port.port) {
            json["port"] = *port.port;
        }
        json["protocol"] = services::to_text(port.protocol);
        list.push_back(std::move(json));
    }
    return list;
}

Json labels_json(const api::Labels& labels) {
    Json json = Json::object();
    for (const auto& [name, value] : labels) {
        json[name] = value;
    }
    return json;
}

std::vector<std::string> hint_names(const Json& list) {
    std::vector<std::string> names;
    for (const auto& entry : list) {
        names.push_back(api::string_at(entry, "name"));
    }
    return names;
}

/// One run of `bring_slices`.
class SliceWriter {
public:
    SliceWriter(Control& control, const SliceOwner& owner, std::vector<Family> placeholders)
        : control_(control), owner_(owner), placeholders_(std::move(placeholders)) {}

    void run(const std::vector<std::string>& names, WantedSlices wanted) {
        read(names);
        for (auto& [group, slices] : existing_) {
            wanted.try_emplace(group);
        }
        for (auto& [group, endpoints] : wanted) {
            pack(group, std::move(endpoints));
        }
        keep_placeholders();
        for (const auto& [group, slice] : to_create_) {
            create(group, slice);
        }
        for (const auto& [name, family] : to_remove_) {
            control_.store.remove({"EndpointSlice", owner_.owner.ns(), name});
        }
    }

private:
    void read(const std::vector<std::string>& names) {
        for (const auto& name : names) {
            const auto object = control_.store.get({"EndpointSlice", owner_.owner.ns(), name});
            if (!object) {
                continue;
            }
            SliceFamily group;
            group.family =
                api::string_at(object->body, "addressType") == "IPv6" ? Family::V6 : Family::V4;
            for (const auto& port : api::at(object->body, "ports")) {
                group.ports.push_back(read_slice_port(port));
            }
            PackedSlice slice{name, {}};
            for (const auto& endpoint : api::at(object->body, "endpoints")) {
                slice.endpoints.push_back(read_endpoint(endpoint));
            }
            if (object->labels() != owner_.labels || annotations_differ(*object)) {
                relabelled_.push_back(name);
            }
            existing_[group].push_back(std::move(slice));
        }
    }

    [[nodiscard]] bool annotations_differ(const api::Object& slice) const {
        auto annotations = slice.annotations();
        annotations.erase(kTriggerTime);
        return annotations != owner_.annotations;
    }

    void pack(const SliceFamily& group, std::vector<PlacedEndpoint> endpoints) {
        auto packing = services::pack_slices(
            std::move(existing_[group]), std::move(endpoints), relabelled_, owner_.most);
        in_use_[group.family] +=
            packing.update.size() + packing.unchanged.size() + packing.create.size();
        for (auto& slice : packing.update) {
            const auto name = slice.name;
            write(group, name, slice);
        }
        for (auto& slice : packing.create) {
            to_create_.emplace_back(group, std::move(slice));
        }
        for (auto& name : packing.remove) {
            to_remove_.emplace_back(std::move(name), group.family);
        }
    }

    void keep_placeholders() {
        for (const auto family : placeholders_) {
            if (in_use_[family] == 0) {
                to_create_.emplace_back(SliceFamily{family, {}}, PackedSlice{});
            }
        }
    }

    /// The name of a slice of the family that would go otherwise.
    std::optional<std::string> reuse(Family family) {
        const auto found =
            std::find_if(to_remove_.begin(), to_remove_.end(), [&](const auto& slice) {
                return slice.second == family;
            });
        if (found == to_remove_.end()) {
            return std::nullopt;
        }
        auto name = std::move(found->first);
        to_remove_.erase(found);
        return name;
    }

    void create(const SliceFamily& group, const PackedSlice& slice) {
        const auto old = reuse(group.family);
        if (old) {
            write(group, *old, slice);
            return;
        }
        const auto ns = owner_.owner.ns();
        const auto base = owner_.owner.name() + "-";
        write(group, control_.free_name("EndpointSlice", ns, base), slice);
    }

    void write(const SliceFamily& group, const std::string& name, const PackedSlice& slice) {
        Json endpoints = Json::array();
        for (const auto& endpoint : slice.endpoints) {
            endpoints.push_back(endpoint_json(endpoint));
        }
        const auto before = control_.store.get({"EndpointSlice", owner_.owner.ns(), name});
        auto ports = ports_json(group.ports);
        auto annotations = labels_json(owner_.annotations);
        if (before && api::at(before->body, "endpoints") == endpoints &&
            api::at(before->body, "ports") == ports && before->labels() == owner_.labels &&
            !annotations_differ(*before)) {
            return; // only the order of something else
        }
        annotations[kTriggerTime] = owner_.trigger_time;
        Json metadata;
        api::add_field(metadata, "annotations", std::move(annotations));
        api::add_field(metadata, "generateName", owner_.owner.name() + "-");
        api::add_field(metadata, "labels", labels_json(owner_.labels));
        api::add_field(metadata, "name", name);
        api::add_field(metadata, "namespace", owner_.owner.ns());
        auto references = Json::array();
        references.push_back(controller_reference(owner_.owner));
        api::add_field(metadata, "ownerReferences", std::move(references));
        api::Object object{{}, owner_.owner.source};
        api::add_field(object.body, "addressType", family_text(group.family));
        api::add_field(object.body, "apiVersion", "discovery.k8s.io/v1");
        api::add_field(object.body, "endpoints", std::move(endpoints));
        api::add_field(object.body, "kind", "EndpointSlice");
        api::add_field(object.body, "metadata", std::move(metadata));
        api::add_field(object.body, "ports", std::move(ports));
        control_.store.put(std::move(object));
    }

    Control& control_;
    const SliceOwner& owner_;
    std::vector<Family> placeholders_;
    std::map<SliceFamily, std::vector<PackedSlice>> existing_;
    std::vector<std::string> relabelled_;
    std::map<Family, std::size_t> in_use_;
    std::vector<std::pair<SliceFamily, PackedSlice>> to_create_;
    std::vector<std::pair<std::string, Family>> to_remove_;
};

} // namespace

std::string SliceFamily::order() const {
    std::string text = family == Family::V4 ? "4" : "6";
    for (const auto& port : ports) {
        text += '\n' + port.name + '/' + std::string(services::to_text(port.protocol)) + '/' +
                (port.port ? std::to_string(*port.port) : "*") + '/' + port.app_protocol;
    }
    return text;
}

Json pod_reference(const PlacedEndpoint& placed) {
    Json reference;
    api::add_field(reference, "kind", "Pod");
    api::add_field(reference, "name", placed.endpoint.pod_name);
    api::add_field(reference, "namespace", placed.endpoint.pod_namespace);
    if (!placed.pod_uid.empty()) {
        api::add_field(reference, "uid", placed.pod_uid);
    }
    return reference;
}

PlacedEndpoint read_endpoint(const Json& json) {
    PlacedEndpoint placed;
    auto& endpoint = placed.endpoint;
    const auto& addresses = api::at(json, "addresses");
    if (!addresses.empty() && addresses[0].is_string()) {
        endpoint.address =
            netemu::IpAddress::parse(addresses[0].get<std::string>()).value_or(netemu::IpAddress());
    }
    endpoint.ready = api::bool_at(json, "conditions.ready", true);
    endpoint.serving = api::bool_at(json, "conditions.serving", true);
    endpoint.terminating = api::bool_at(json, "conditions.terminating", false);
    endpoint.node = api::string_at(json, "nodeName");
    endpoint.zone = api::string_at(json, "zone");
    endpoint.hostname = api::string_at(json, "hostname");
    if (api::string_at(json, "targetRef.kind") == "Pod") {
        endpoint.pod_namespace = api::string_at(json, "targetRef.namespace");
        endpoint.pod_name = api::string_at(json, "targetRef.name");
        placed.pod_uid = api::string_at(json, "targetRef.uid");
    }
    endpoint.hints.zones = hint_names(api::at(json, "hints.forZones"));
    endpoint.hints.nodes = hint_names(api::at(json, "hints.forNodes"));
    return placed;
}

services::SlicePort read_slice_port(const Json& json) {
    services::SlicePort port;
    port.name = api::string_at(json, "name");
    port.protocol = services::parse_protocol(api::string_at(json, "protocol"))
                        .value_or(services::Protocol::Tcp);
    if (const auto number = api::int_at(json, "port", 0); number > 0 && number <= 0xFFFF) {
        port.port = static_cast<std::uint16_t>(number);
    }
    port.app_protocol = api::string_at(json, "appProtocol");
    return port;
}

std::vector<std::string> managed_slices(
    Control& control,
    const std::pair<std::string, std::string>& service,
    const std::string& manager) {
    std::vector<std::string> result;
    for (const auto& name : control.state.services().slices_of(service)) {
        const auto slice = control.store.get({"EndpointSlice", service.first, name});
        const auto labels = slice ? slice->labels() : api::Labels{};
        const auto found = labels.find(kManagedByLabel);
        if (found != labels.end() && found->second == manager) {
            result.push_back(name);
        }
    }
    return result;
}

void bring_slices(
    Control& control,
    const SliceOwner& owner,
    const std::vector<std::string>& names,
    WantedSlices wanted,
    const std::vector<Family>& placeholders) {
    SliceWriter(control, owner, placeholders).run(names, std::move(wanted));
}

} // namespace labctl::compile
