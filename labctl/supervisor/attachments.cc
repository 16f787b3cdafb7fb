#include "labctl/supervisor/attachments.h"

#include <algorithm>

#include "labctl/cni/error.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"

namespace labctl::supervisor {

using api::Json;
using cni::CniError;
using cni::Code;

const Attachment* Attachments::find(const cni::Request& request) const {
    for (const auto& [key, each] : attachments_) {
        if (each.network == request.config.name && each.container == request.container &&
            each.link.name == request.interface) {
            return &each;
        }
    }
    return nullptr;
}

api::ObjectKey Attachments::pod_for(const cni::Request& request) const {
    api::ObjectKey key{"Pod", request.pod_namespace(), request.pod_name()};
    const auto found = attachments_.find(key);
    if (found != attachments_.end() && found->second.container == request.container) {
        key.name += "-" + request.interface;
    }
    return key;
}

std::vector<api::ObjectKey> Attachments::gone(const cni::Request& request) const {
    std::vector<api::ObjectKey> keys;
    for (const auto& [key, each] : attachments_) {
        if (each.network == request.config.name &&
            !request.config.valid->contains({each.container, each.link.name})) {
            keys.push_back(key);
        }
    }
    return keys;
}

bool Attachments::is_container(const std::string& ns) const {
    return std::any_of(attachments_.begin(), attachments_.end(), [&](const auto& entry) {
        return entry.second.link.ns == ns;
    });
}

void Attachments::add(Attachment attachment) {
    auto key = attachment.pod;
    attachments_.insert_or_assign(std::move(key), std::move(attachment));
}

void Attachments::set_uid(const api::ObjectKey& pod, const std::string& uid) {
    attachments_.at(pod).uid = uid;
}

void Attachments::forget_gone(const store::Store& store) {
    std::erase_if(attachments_, [&](const auto& entry) {
        const auto object = store.get(entry.first);
        return !object || object->uid() != entry.second.uid;
    });
}

void Attachments::adapt(const compile::ClusterConfig& config, netemu::DesiredState& desired) const {
    if (attachments_.empty()) {
        return;
    }
    auto ranges = config.pod_cidrs;
    ranges.insert(ranges.end(), config.service_cidrs.begin(), config.service_cidrs.end());
    for (const auto& [key, each] : attachments_) {
        compile::adapt_attached(each.link, ranges, desired);
    }
}

void Attachments::filter(netemu::ObservedState& observed) const {
    for (const auto& [key, each] : attachments_) {
        const auto found = observed.namespaces.find(each.link.ns);
        if (found != observed.namespaces.end()) {
            compile::forget_foreign(each.link.name, found->second);
        }
    }
}

api::Object
attached_pod(const cni::Request& request, const api::ObjectKey& key, const std::string& node) {
    Json annotations{
        {kCniContainer, request.container},
        {kCniNetwork, request.config.name},
        {kCniInterface, request.interface}};
    if (!request.config.ips.empty()) {
        std::string wanted;
        for (const auto& address : request.config.ips) {
            wanted += (wanted.empty() ? "" : ",") + address.to_string();
        }
        annotations[compile::kWantedAddresses] = wanted;
    }
    return {
        {{"apiVersion", "v1"},
         {"kind", "Pod"},
         {"metadata",
          {{"name", key.name},
           {"namespace", key.ns},
           {"labels", request.config.labels},
           {"annotations", std::move(annotations)}}},
         {"spec",
          {{"nodeName", node},
           {"containers", Json::array({{{"name", "container"}, {"image", "cni:attached"}}})}}}},
        {}};
}

compile::AttachedLink
free_link(const std::string& ns, const std::string& interface, const netemu::NamespaceInfo& info) {
    if (info.links.contains(interface)) {
        throw CniError(
            Code::AlreadyThere,
            "CNI_IFNAME: the container has an interface '" + interface + "' already");
    }
    compile::AttachedLink link{ns, interface, compile::kEth0Index};
    for (const auto& [name, each] : info.links) {
        link.index = std::max(link.index, each.index + 1);
    }
    for (const auto& route : info.routes) {
        const bool v4 = route.destination.address.is_v4();
        (v4 ? link.has_v4_default : link.has_v6_default) |= route.destination.length == 0;
        link.taken.push_back(route.destination);
    }
    return link;
}

namespace {

cni::Interface
port_of(const Attachment& attachment, const netemu::NamespaceSpec& node, const std::string& netns) {
    for (const auto& link : node.links) {
        const auto* veth = std::get_if<netemu::VethSpec>(&link.kind);
        if (veth != nullptr && veth->peer_namespace == attachment.link.ns) {
            return {link.name, link.mac.to_string(), link.mtu, netns};
        }
    }
    throw netemu::Error("the node has no port for " + attachment.link.ns);
}

} // namespace

cni::Result attachment_result(
    const Attachment& attachment,
    const netemu::DesiredState& desired,
    const std::string& node,
    const std::string& node_netns,
    const std::string& netns) {
    const auto& spec = desired.namespaces.at(attachment.link.ns);
    const auto& own = spec.links.at(0);
    cni::Result result;
    result.interfaces = {
        port_of(attachment, desired.namespaces.at(compile::node_namespace(node)), node_netns),
        {own.name, own.mac.to_string(), own.mtu, netns}};
    for (const auto& route : spec.routes) {
        result.routes.push_back({route.destination, route.gateway});
    }
    for (const auto& address : own.addresses) {
        cni::Address ip{address, {}, 1};
        for (const auto& route : spec.routes) {
            if (route.gateway && route.gateway->family() == address.address.family()) {
                ip.gateway = route.gateway;
            }
        }
        result.ips.push_back(ip);
    }
    return result;
}

namespace {

[[noreturn]] void disagree(const std::string& what) {
    throw CniError(Code::Disagreement, what);
}

/// What the runtime remembers must be what the lab knows.
void check_previous(const std::string& interface, const netemu::LinkSpec& own, const Json& json) {
    const auto previous = cni::read_result(json);
    const auto is_own = [&](const auto& each) {
        return each.name == interface && !each.sandbox.empty();
    };
    const auto there = std::find_if(previous.interfaces.begin(), previous.interfaces.end(), is_own);
    if (there == previous.interfaces.end()) {
        disagree("prevResult has no interface '" + interface + "' of the container");
    }
    if (!there->mac.empty() && there->mac != own.mac.to_string()) {
        disagree(
            interface + " has the MAC address " + own.mac.to_string() + ", prevResult says " +
            there->mac);
    }
    const auto position = static_cast<std::size_t>(there - previous.interfaces.begin());
    for (const auto& ip : previous.ips) {
        const bool known = std::find(own.addresses.begin(), own.addresses.end(), ip.address) !=
                           own.addresses.end();
        if (ip.interface == position && !known) {
            disagree(
                "prevResult has the address " + ip.address.to_string() +
                ", which the lab did not give to " + interface);
        }
    }
}

} // namespace

void check_attachment(
    const Attachment& attachment,
    const netemu::NamespaceSpec& desired,
    const netemu::NamespaceInfo& observed,
    const Json& previous) {
    const auto& own = desired.links.at(0);
    check_previous(attachment.link.name, own, previous);
    const auto found = observed.links.find(own.name);
    if (found == observed.links.end()) {
        disagree("the container has no interface '" + own.name + "' any more");
    }
    const auto& link = found->second;
    if (link.mac != own.mac || link.index != own.index) {
        disagree("the interface '" + own.name + "' is not the one that ADD made");
    }
    if (!link.up || link.mtu != own.mtu) {
        disagree(
            own.name + (link.up ? " has the MTU " + std::to_string(link.mtu) + " instead of " +
                                      std::to_string(own.mtu)
                                : " is down"));
    }
    for (const auto& address : own.addresses) {
        if (std::find(link.addresses.begin(), link.addresses.end(), address) ==
            link.addresses.end()) {
            disagree(own.name + " lacks the address " + address.to_string());
        }
    }
    for (const auto& route : desired.routes) {
        if (std::find(observed.routes.begin(), observed.routes.end(), route) ==
            observed.routes.end()) {
            disagree("the container lacks the route to " + route.destination.to_string());
        }
    }
}

} // namespace labctl::supervisor
