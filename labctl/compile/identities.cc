#include "labctl/compile/identities.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/identity_labels.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"
#include "labctl/compile/policies.h"
#include "labctl/compile/policy_values.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

constexpr const char* kIdentityKind = "CiliumIdentity";
constexpr std::string_view kLabelPrefix = "k8s:";

constexpr std::array<std::pair<std::uint32_t, const char*>, 8> kReserved{{
    {services::kIdentityHost, "host"},
    {services::kIdentityWorld, "world"},
    {services::kIdentityUnmanaged, "unmanaged"},
    {services::kIdentityHealth, "health"},
    {services::kIdentityInit, "init"},
    {services::kIdentityRemoteNode, "remote-node"},
    {services::kIdentityKubeApiserver, "kube-apiserver"},
    {services::kIdentityIngress, "ingress"},
}};

/// The object of an identity, as Cilium's operator makes it (cilium.io/v2).
api::Object identity_object(std::uint32_t number, const std::string& labels) {
    api::Json security = api::Json::object();
    api::Json meta = api::Json::object();
    for (const auto line : netemu::split(labels, '\n')) {
        const auto equals = line.find('=');
        const std::string key(line.substr(0, equals));
        const std::string value(line.substr(equals + 1));
        security[key] = value;
        if (key.find("namespace.labels") == std::string::npos) {
            meta[key.substr(kLabelPrefix.size())] = value;
        }
    }
    return {
        {{"apiVersion", "cilium.io/v2"},
         {"kind", kIdentityKind},
         {"metadata", {{"name", std::to_string(number)}, {"labels", std::move(meta)}}},
         {"security-labels", std::move(security)}},
        {}};
}

std::string labels_of(const api::Object& identity) {
    std::vector<std::string> labels;
    for (const auto& [key, value] : api::at(identity.body, "security-labels").items()) {
        labels.push_back(key + "=" + (value.is_string() ? value.get<std::string>() : ""));
    }
    std::sort(labels.begin(), labels.end());
    return netemu::join(labels, "\n");
}

std::uint32_t number_of(const std::string& name) {
    std::uint32_t number = 0;
    const auto* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data(), end, number);
    return error == std::errc() && rest == end ? number : 0;
}

} // namespace

std::string reserved_identity(std::uint32_t number) {
    for (const auto& [reserved, name] : kReserved) {
        if (reserved == number) {
            return name;
        }
    }
    return {};
}

Identities::Identities(store::Store& store, const ClusterConfig& config)
    : store_(store), config_(config), enabled_(cni_profile(config).identities) {
    if (!enabled_) {
        changed_ = false;
        return;
    }
    load();
    watch_ = store_.watch([this](const store::Event& event) { on_event(event); });
}

Identities::~Identities() {
    if (enabled_) {
        store_.unwatch(watch_);
    }
}

void Identities::load() {
    for (const auto& object : store_.list(kIdentityKind)) {
        const auto number = number_of(object->name());
        const auto labels = labels_of(*object);
        if (number >= services::kIdentityFirst && number <= services::kIdentityLast) {
            numbers_[labels] = number;
            labels_[number] = labels;
        }
    }
    for (const auto& key : store_.keys("Pod")) {
        dirty_pods_.emplace(key.ns, key.name);
    }
}

void Identities::on_event(const store::Event& event) {
    const auto kind = event.object->kind();
    if (kind == "Pod") {
        dirty_pods_.emplace(event.object->ns(), event.object->name());
    } else if (kind == "Namespace") {
        dirty_namespaces_.insert(event.object->name());
    } else if (kind == "Node" || is_policy_kind(kind)) {
        changed_ = true;
    }
}

void Identities::update() {
    if (!enabled_) {
        return;
    }
    for (const auto& ns : std::exchange(dirty_namespaces_, {})) {
        for (const auto& key : store_.keys("Pod", ns)) {
            dirty_pods_.emplace(key.ns, key.name);
        }
    }
    std::set<std::string> fresh;
    for (const auto& key : std::exchange(dirty_pods_, {})) {
        note_pod(key, fresh);
    }
    give_numbers(fresh);
}

void Identities::note_pod(const PodKey& key, std::set<std::string>& fresh) {
    const auto object = store_.get({"Pod", key.first, key.second});
    const auto pod = object ? policy_pod(*object) : std::nullopt;
    if (!object || api::bool_at(object->body, "spec.hostNetwork", false)) {
        changed_ = pods_.erase(key) > 0 || changed_;
        return;
    }
    const auto ns = store_.get({"Namespace", {}, key.first});
    const auto labels =
        netemu::join(identity_labels(*object, ns ? ns->labels() : api::Labels{}), "\n");
    auto fingerprint = pod ? pod->node : std::string();
    for (const auto& address : pod ? pod->ips : std::vector<netemu::IpAddress>{}) {
        fingerprint += " " + address.to_string();
    }
    auto& known = pods_[key];
    changed_ = changed_ || known.fingerprint != fingerprint;
    known.fingerprint = std::move(fingerprint);
    const auto number = numbers_.find(labels);
    if (number == numbers_.end()) {
        fresh.insert(labels);
        waiting_[key] = labels;
        return;
    }
    changed_ = changed_ || known.identity != number->second;
    known.identity = number->second;
}

void Identities::give_numbers(const std::set<std::string>& labels) {
    for (const auto& each : labels) {
        const auto number = free_number();
        numbers_[each] = number;
        labels_[number] = each;
        store_.put(identity_object(number, each));
    }
    for (const auto& [key, text] : std::exchange(waiting_, {})) {
        pods_.at(key).identity = numbers_.at(text);
        changed_ = true;
    }
}

std::uint32_t Identities::free_number() {
    const auto highest = labels_.empty() ? services::kIdentityFirst - 1 : labels_.rbegin()->first;
    if (highest < services::kIdentityLast) {
        return highest + 1;
    }
    std::set<std::uint32_t> used;
    for (const auto& [key, pod] : pods_) {
        used.insert(pod.identity);
    }
    for (auto number = services::kIdentityFirst; number <= services::kIdentityLast; ++number) {
        if (!used.contains(number)) {
            if (const auto old = labels_.find(number); old != labels_.end()) {
                numbers_.erase(old->second);
            }
            return number;
        }
    }
    throw netemu::Error("there are no more identities: each is some pod's");
}

std::uint32_t Identities::of_pod(const std::string& ns, const std::string& pod) const {
    const auto found = pods_.find({ns, pod});
    return found == pods_.end() ? 0 : found->second.identity;
}

std::map<std::uint32_t, std::vector<Identities::PodKey>> Identities::members() const {
    std::map<std::uint32_t, std::vector<PodKey>> members;
    for (const auto& [key, pod] : pods_) {
        members[pod.identity].push_back(key);
    }
    return members;
}

services::IdentityNetwork Identities::network(Policies& policies) const {
    services::IdentityNetwork network;
    if (!enabled_) {
        return network;
    }
    const auto& profile = cni_profile(config_);
    network.vni = profile.vni;
    network.keep_established = config_.policy_established == "keep";
    for (const auto& node : view_nodes(store_, config_)) {
        network.nodes.push_back(
            {node.name,
             node_namespace(node.name),
             profile.geneve,
             node.underlay.front().address,
             node.pod_cidrs,
             node_addresses(node, profile)});
    }
    const auto& cluster = policies.cluster();
    std::vector<services::IdentityMembers> identities{
        {services::kIdentityWorld, {}}, {services::kIdentityRemoteNode, {}}};
    for (const auto& [number, keys] : members()) {
        network.identities.push_back(number);
        services::IdentityMembers identity{number, {}};
        for (const auto& key : keys) {
            const auto pod = cluster.pods.find(key);
            if (pod != cluster.pods.end()) {
                identity.pods.push_back(&pod->second);
            }
        }
        if (!identity.pods.empty()) {
            identities.push_back(std::move(identity));
        }
    }
    std::optional<services::PolicyMaps> maps;
    if (!cluster.policies.empty()) {
        maps.emplace(policies.evaluator(), std::move(identities));
    }
    for (const auto& [key, pod] : cluster.pods) {
        if (pod.host_network) {
            continue;
        }
        const auto map = maps ? maps->map_of(pod) : nullptr;
        for (const auto& address : pod.ips) {
            network.endpoints.push_back({address, pod.node, of_pod(key.first, key.second), map});
        }
    }
    std::sort(network.endpoints.begin(), network.endpoints.end(), [](const auto& a, const auto& b) {
        return a.address < b.address;
    });
    std::sort(network.nodes.begin(), network.nodes.end(), [](const auto& a, const auto& b) {
        return a.name < b.name;
    });
    return network;
}

api::Json Identities::list() const {
    auto list = api::Json::array();
    if (!enabled_) {
        return list;
    }
    for (const auto& [number, name] : kReserved) {
        list.push_back(
            {{"id", number},
             {"labels", api::Json::array({std::string("reserved:") + name})},
             {"pods", api::Json::array()},
             {"reserved", true}});
    }
    const auto pods = members();
    for (const auto& [number, text] : labels_) {
        auto labels = api::Json::array();
        for (const auto line : netemu::split(text, '\n')) {
            labels.push_back(std::string(line));
        }
        auto names = api::Json::array();
        if (const auto found = pods.find(number); found != pods.end()) {
            for (const auto& [ns, name] : found->second) {
                names.push_back(ns + "/" + name);
            }
        }
        list.push_back(
            {{"id", number},
             {"labels", std::move(labels)},
             {"pods", std::move(names)},
             {"reserved", false}});
    }
    return list;
}

} // namespace labctl::compile
