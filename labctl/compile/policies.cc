#include "labctl/compile/policies.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"
#include "labctl/compile/policy_enforcement.h"
#include "labctl/compile/policy_values.h"
#include "services/policy_names.h"

namespace labctl::compile {

namespace {

constexpr std::array kKindsOfPolicies{
    "NetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"};
/// What policies speak of, in the order in which it is cheapest to take in.
constexpr std::array kPolicyWorld{"Namespace", "Node", "Pod"};

std::vector<netemu::Family> families_of(const ClusterConfig& config) {
    std::vector<netemu::Family> families;
    for (const auto& range : config.pod_cidrs) {
        families.push_back(range.address.family());
    }
    std::sort(families.begin(), families.end());
    return families;
}

bool among(const std::vector<netemu::IpAddress>& list, const netemu::IpAddress& address) {
    return std::find(list.begin(), list.end(), address) != list.end();
}

} // namespace

bool has_policies(const store::Store& store) {
    return std::any_of(kKindsOfPolicies.begin(), kKindsOfPolicies.end(), [&](const char* kind) {
        return store.size(kind) != 0;
    });
}

std::size_t count_policies(const store::Store& store) {
    return std::accumulate(
        kKindsOfPolicies.begin(),
        kKindsOfPolicies.end(),
        std::size_t{0},
        [&](std::size_t sum, const char* kind) { return sum + store.size(kind); });
}

Policies::Policies(store::Store& store, const ClusterConfig& config)
    : store_(store), config_(config), enforces_(cni_profile(config).enforces_policies),
      tables_(families_of(config)) {
    watch_ = store_.watch([this](const store::Event& event) { on_event(event); });
}

Policies::~Policies() {
    store_.unwatch(watch_);
}

void Policies::on_event(const store::Event& event) {
    const auto kind = event.object->kind();
    if (loaded_ &&
        (is_policy_kind(kind) ||
         std::find(kPolicyWorld.begin(), kPolicyWorld.end(), kind) != kPolicyWorld.end())) {
        dirty_.insert(event.object->key());
    }
}

// --- from objects to values

void Policies::take_in() {
    if (!loaded_) {
        loaded_ = true;
        for (const auto* kind : kPolicyWorld) {
            for (const auto& key : store_.keys(kind)) {
                take_in(key);
            }
        }
        for (const auto* kind : kKindsOfPolicies) {
            for (const auto& key : store_.keys(kind)) {
                take_in(key);
            }
        }
        return;
    }
    for (const auto& key : std::exchange(dirty_, {})) {
        take_in(key);
    }
}

void Policies::take_in(const api::ObjectKey& key) {
    const auto object = store_.get(key);
    evaluator_.reset();
    if (is_policy_kind(key.kind)) {
        take_in_policy(key, object.get());
    } else if (key.kind == "Namespace") {
        if (object) {
            tables_.put_namespace(policy_namespace(*object));
        } else {
            tables_.remove_namespace(key.name);
        }
    } else if (key.kind == "Node") {
        if (object) {
            tables_.put_node(policy_node(*object));
        } else {
            tables_.remove_node(key.name);
        }
    } else if (auto pod = object ? policy_pod(*object) : std::nullopt) {
        tables_.put_pod(std::move(*pod));
    } else {
        tables_.remove_pod({key.ns, key.name});
    }
}

void Policies::take_in_policy(const api::ObjectKey& key, const api::Object* object) {
    if (!enforces_) {
        return; // nothing in this profile looks at it
    }
    if (object != nullptr) {
        tables_.put_policy(policy_value(*object));
    } else if (key.kind == kKindsOfPolicies.front()) {
        tables_.remove_policy({key.ns, key.name});
    } else {
        tables_.remove_policy({"", key.kind + "/" + key.name});
    }
}

const services::PolicyCluster& Policies::cluster() {
    take_in();
    return tables_.cluster();
}

services::PolicyEvaluator& Policies::evaluator() {
    const auto& now = cluster();
    if (!evaluator_) {
        evaluator_ = std::make_unique<services::PolicyEvaluator>(now);
    }
    return *evaluator_;
}

// --- from values to the kernel

std::vector<netemu::Operation> Policies::update() {
    if (!enforces_ || (!loaded_ && !has_policies(store_))) {
        return {};
    }
    take_in();
    auto update = tables_.commit();
    std::vector<netemu::Operation> operations;
    for (const auto& node : update.removed) {
        operations.emplace_back(netemu::DeleteTable{
            node_namespace(node), netemu::NftFamily::Inet, std::string(services::kPolicyTable)});
    }
    for (const auto& node : update.added) {
        operations.emplace_back(netemu::ReplaceTable{node_namespace(node), *tables_.table(node)});
    }
    auto changes = operations_of(std::move(update.changed));
    std::move(changes.begin(), changes.end(), std::back_inserter(operations));
    return operations;
}

/// Most nodes change alike: they share the value, and the kernel's side encodes it once.
std::vector<netemu::Operation>
Policies::operations_of(std::map<std::string, std::vector<netemu::NftChange>>&& changed) {
    std::vector<netemu::Operation> operations;
    std::vector<netemu::NftChangePtr> last;
    for (auto& [node, changes] : changed) {
        const auto after = netemu::nft_identity(*tables_.table(node));
        std::vector<netemu::NftChangePtr> shared;
        for (std::size_t i = 0; i < changes.size(); ++i) {
            const bool alike = i < last.size() && *last[i] == changes[i];
            shared.push_back(
                alike ? last[i] : std::make_shared<const netemu::NftChange>(std::move(changes[i])));
            operations.emplace_back(
                netemu::ChangeTable{node_namespace(node), shared.back(), after});
        }
        last = std::move(shared);
    }
    return operations;
}

Policies::Farewell Policies::forget_removed_pods() {
    Farewell farewell;
    if (!loaded_) {
        return farewell;
    }
    farewell.addresses = tables_.forget_removed_pods();
    if (!farewell.addresses.empty()) {
        farewell.operations = operations_of(tables_.commit().changed);
    }
    return farewell;
}

std::vector<netemu::Operation> Policies::sweep() {
    return operations_of(tables_.sweep());
}

void Policies::add_to(netemu::DesiredState& state) const {
    for (const auto& node : nodes()) {
        const auto found = state.namespaces.find(node_namespace(node));
        if (found != state.namespaces.end()) {
            found->second.tables.push_back(*tables_.table(node));
        }
    }
}

void Policies::add_contents(netemu::ObservedState& observed) const {
    for (const auto& node : nodes()) {
        const auto found = observed.namespaces.find(node_namespace(node));
        if (found == observed.namespaces.end()) {
            continue;
        }
        for (auto& info : found->second.tables) {
            const auto* table = tables_.table(node);
            if (info.family == table->family && info.name == table->name) {
                info.contents = std::make_shared<const netemu::NftTable>(*table);
            }
        }
    }
}

std::vector<std::string> Policies::nodes() const {
    std::vector<std::string> names;
    for (const auto& [name, node] : tables_.cluster().nodes) {
        if (tables_.table(name) != nullptr) {
            names.push_back(name);
        }
    }
    return names;
}

// --- connections

/// What comes from an address of the node is the node itself, which is never shut out (6.3).
std::vector<netemu::IpAddress> Policies::addresses_of(const std::string& node) const {
    for (const auto& view : view_nodes(store_, config_)) {
        if (view.name == node) {
            return node_addresses(view, cni_profile(config_));
        }
    }
    return {};
}

std::vector<netemu::Connection>
Policies::denied(const std::string& node, const std::vector<netemu::Connection>& connections) {
    std::vector<netemu::Connection> found;
    const auto local = addresses_of(node);
    const auto policed = [&](const netemu::IpAddress& address) {
        const auto* pod = tables_.pod_at(address);
        return pod != nullptr && pod->node == node && tables_.is_policed({pod->ns, pod->name});
    };
    for (const auto& connection : connections) {
        const auto& from = connection.source.address;
        const auto& to = connection.reply_source.address;
        const bool sends = policed(from);
        const bool receives = policed(to);
        if ((!sends && !receives) || among(local, from) || among(local, to)) {
            continue;
        }
        auto& asked = evaluator();
        // ICMP has no number in services::Protocol: it is none of those that a port can name (1.9).
        const services::PolicyFlow flow{
            asked.end_of(from),
            asked.end_of(to),
            static_cast<services::Protocol>(connection.protocol),
            connection.reply_source.port};
        const auto verdict = asked.evaluate(flow);
        if ((sends && !verdict.egress.allowed) || (receives && !verdict.ingress.allowed)) {
            found.push_back(connection);
        }
    }
    return found;
}

std::vector<netemu::Connection> connections_of(
    const std::vector<netemu::IpAddress>& addresses,
    const std::vector<netemu::Connection>& connections) {
    std::vector<netemu::Connection> found;
    std::copy_if(
        connections.begin(),
        connections.end(),
        std::back_inserter(found),
        [&](const netemu::Connection& each) {
            return among(addresses, each.source.address) ||
                   among(addresses, each.reply_source.address);
        });
    return found;
}

} // namespace labctl::compile
