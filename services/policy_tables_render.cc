#include <algorithm>
#include <array>
#include <utility>

#include "services/address_ranges.h"
#include "services/policy_frame.h"
#include "services/policy_names.h"
#include "services/policy_tables.h"

namespace services {
namespace {

using namespace netemu;

constexpr std::array kRenderDirections{PolicyDirection::Ingress, PolicyDirection::Egress};

std::string key_text(const PolicyCluster::Key& key) {
    return key.first.empty() ? key.second : key.first + "/" + key.second;
}

std::string keys_text(const std::vector<PolicyCluster::Key>& keys) {
    std::string text;
    for (const auto& key : keys) {
        text.append(text.empty() ? "" : ",").append(key_text(key));
    }
    return text;
}

/// Elements of a set, each once.
void add_unique(std::set<std::string>& seen, NftElement element, NftSet& set) {
    if (seen.insert(element.key).second) {
        set.elements.push_back(std::move(element));
    }
}

void add_ranges(const AddressBlocks& blocks, Family family, NftSet& set) {
    set.interval = true;
    for (const auto& range : merge_blocks(blocks, family)) {
        auto element = nft_member(NftBytes().address(range.first));
        if (range.first != range.last) {
            element.key += NftBytes().address(range.last).str();
            element.range = true;
        }
        set.elements.push_back(std::move(element));
    }
}

std::string pod_part_name(const PolicyCluster::Key& key) {
    return "pod " + key_text(key); // no other part has a blank in its name
}

} // namespace

std::string PolicyTables::policy_chain(const Key& policy, PolicyDirection way) {
    return policy_object_name(std::string(to_text(way)) + "-policy", key_text(policy));
}

std::string PolicyTables::profile_chain(const Rung& rung, const std::vector<Key>& policies) {
    return policy_object_name(
        std::string(to_text(rung.way)) + "-" + std::string(to_text(rung.tier)),
        keys_text(policies));
}

// --- sets

void PolicyTables::render_set(const std::string& base) {
    const auto& state = sets_.at(base);
    NftContents contents;
    if (const auto* list = std::get_if<PortList>(&state.source)) {
        NftSet set{base, {NftType::Protocol, NftType::Port}};
        std::set<std::string> seen;
        for (const auto& port : list->ports) {
            const auto number = protocol_number(*port.protocol);
            add_unique(seen, nft_member(NftBytes().protocol(number).port(port.first)), set);
        }
        contents.sets.push_back(std::move(set));
    } else {
        for (const auto family : families_) {
            contents.sets.push_back(render_family(base, state, family));
        }
    }
    set_resource(base, {make_nft_part(std::move(contents)), {}});
}

NftSet
PolicyTables::render_family(const std::string& base, const SetState& state, Family family) const {
    NftSet set{policy_set_name(base, family), {policy_type(family)}};
    std::set<std::string> seen;
    const auto add_addresses = [&](const std::vector<IpAddress>& addresses) {
        for (const auto& address : addresses) {
            if (address.family() == family) {
                add_unique(seen, nft_member(NftBytes().address(address)), set);
            }
        }
    };
    if (const auto* blocks = std::get_if<AddressBlocks>(&state.source)) {
        add_ranges(*blocks, family, set);
    } else if (const auto* nodes = std::get_if<NodeSelection>(&state.source)) {
        for (const auto& [name, node] : cluster_.nodes) {
            if (matches(nodes->nodes, node.labels)) {
                add_addresses(node.ips);
            }
        }
    } else if (const auto* named = std::get_if<NamedPorts>(&state.source)) {
        set.key = {policy_type(family), NftType::Protocol, NftType::Port};
        for (const auto& [key, pod] : cluster_.pods) {
            if (!pod.host_network) {
                add_named_ports(*named, pod, family, seen, set);
            }
        }
    } else {
        for (const auto& key : state.entry->members) {
            add_addresses(cluster_.pods.at(key).ips);
        }
    }
    return set;
}

void PolicyTables::add_named_ports(
    const NamedPorts& named,
    const PolicyPod& pod,
    Family family,
    std::set<std::string>& seen,
    NftSet& set) {
    for (const auto& port : pod.ports) {
        if (port.name != named.name || (named.protocol && *named.protocol != port.protocol)) {
            continue;
        }
        const auto number = protocol_number(port.protocol);
        for (const auto& address : pod.ips) {
            if (address.family() == family) {
                const auto key = NftBytes().address(address).protocol(number).port(port.number);
                add_unique(seen, nft_member(key), set);
            }
        }
    }
}

// --- chains

void PolicyTables::render_policy(const Key& key) {
    const auto& state = policies_.at(key);
    if (state.policy->tier != PolicyTier::NetworkPolicy) {
        for (const auto& [profile, value] : profiles_) {
            const auto& policies = profile.second;
            if (std::find(policies.begin(), policies.end(), key) != policies.end()) {
                dirty_profiles_.insert(profile);
            }
        }
        return;
    }
    for (const auto way : kRenderDirections) {
        const auto name = policy_chain(key, way);
        if (!has_say(*state.policy, way)) {
            policy_chains_.erase(name);
            doomed_.insert(name);
            continue;
        }
        const auto& compiled = state.rules.at(static_cast<std::size_t>(way));
        Resource resource;
        NftContents contents;
        contents.chains.push_back({name, {}, compiled.rules});
        resource.part = make_nft_part(std::move(contents));
        for (const auto& [base, source] : compiled.sets) {
            resource.needs.insert(base);
        }
        policy_chains_.insert(name);
        set_resource(name, std::move(resource));
    }
}

void PolicyTables::render_profile(Profile& profile) {
    const auto& [way, tier] = profile.rung;
    NftChain chain{profile.chain, {}, {}};
    Resource resource;
    for (const auto& key : profile.policies) {
        const auto found = policies_.find(key);
        if (found == policies_.end()) {
            continue; // removed just now: so is every pod of this profile
        }
        if (tier == PolicyTier::NetworkPolicy) {
            auto name = policy_chain(key, way);
            chain.rules.push_back(
                {{NftSetVerdict{NftVerdict::Jump, name}}, policy_comment(key_text(key))});
            resource.needs.insert(std::move(name));
            continue;
        }
        const auto& compiled = found->second.rules.at(static_cast<std::size_t>(way));
        chain.rules.insert(chain.rules.end(), compiled.rules.begin(), compiled.rules.end());
        for (const auto& [base, source] : compiled.sets) {
            resource.needs.insert(base);
        }
    }
    if (tier == PolicyTier::NetworkPolicy) {
        chain.rules.push_back(
            {policy_drop(profile.prefix),
             policy_comment("isolated by NetworkPolicy " + keys_text(profile.policies))});
    } else if (tier == PolicyTier::Baseline) {
        chain.rules.push_back(
            {{NftSetVerdict{NftVerdict::Accept, {}}}, "no baseline policy decides"});
    }
    NftContents contents;
    contents.chains.push_back(std::move(chain));
    resource.part = make_nft_part(std::move(contents));
    set_resource(profile.chain, std::move(resource));
}

void PolicyTables::use_profile(const Rung& rung, const std::vector<Key>& policies) {
    const auto [found, fresh] = profiles_.try_emplace({rung, policies});
    auto& profile = found->second;
    if (profile.users++ != 0) {
        return;
    }
    profile.rung = rung;
    profile.policies = policies;
    profile.chain = profile_chain(rung, policies);
    PolicyLogPrefix prefix{
        PolicyLogPrefix::Kind::Isolated, rung.way, rung.tier, policy_hash(keys_text(policies)), 0};
    profile.prefix = to_text(prefix);
    profiles_by_prefix_[profile.prefix] = found->first;
    profile_chains_.insert(profile.chain);
    render_profile(profile);
}

std::string PolicyTables::drop_prefix(const PolicyOpinion& opinion, PolicyDirection way) {
    using Kind = PolicyLogPrefix::Kind;
    if (opinion.reason == PolicyReason::Rule) {
        return to_text(PolicyLogPrefix{
            Kind::Rule, way, opinion.tier, policy_hash(opinion.policy->label()), opinion.rule});
    }
    if (opinion.reason != PolicyReason::Isolated) {
        return {};
    }
    std::vector<Key> keys;
    for (const auto* policy : opinion.isolating) {
        keys.push_back(policy_key(*policy));
    }
    return to_text(PolicyLogPrefix{
        Kind::Isolated, way, PolicyTier::NetworkPolicy, policy_hash(keys_text(keys)), 0});
}

void PolicyTables::release_profile(const Rung& rung, const std::vector<Key>& policies) {
    const auto found = profiles_.find({rung, policies});
    if (--found->second.users != 0) {
        return;
    }
    profile_chains_.erase(found->second.chain);
    profiles_by_prefix_.erase(found->second.prefix);
    doomed_.insert(found->second.chain);
    profiles_.erase(found);
}

// --- pods

PolicyTables::Ladders PolicyTables::ladders_of(const Key& key) const {
    Ladders found;
    const auto add = [&](const Key& policy) {
        const auto& value = *policies_.at(policy).policy;
        for (const auto way : kRenderDirections) {
            if (has_say(value, way)) {
                found[{way, value.tier}].push_back(policy);
            }
        }
    };
    for (auto* entry : selections_.of(key)) {
        const auto policies = subjects_.find(entry);
        if (policies != subjects_.end()) {
            std::for_each(policies->second.begin(), policies->second.end(), add);
        }
    }
    const auto before = [&](const Key& a, const Key& b) {
        return asked_before(*policies_.at(a).policy, *policies_.at(b).policy);
    };
    for (auto& [rung, policies] : found) {
        std::sort(policies.begin(), policies.end(), before);
    }
    return found;
}

NftPartPtr PolicyTables::pod_part(const PolicyPod& pod, const Ladders& ladders) const {
    const auto comment = policy_comment(pod.ns + "/" + pod.name);
    NftContents contents;
    for (const auto& address : pod.ips) {
        const auto family = address.family();
        if (std::find(families_.begin(), families_.end(), family) == families_.end()) {
            continue;
        }
        const NftBytes bytes = NftBytes().address(address);
        contents.elements.push_back({policed_set_name(family), {nft_member(bytes, comment)}});
        contents.elements.push_back(
            {self_set_name(family), {nft_member(NftBytes().address(address).address(address))}});
        for (const auto& [rung, policies] : ladders) {
            // Who passes the admin tier comes back (8.6); the others decide.
            const auto how = rung.tier == PolicyTier::Admin ? NftVerdict::Jump : NftVerdict::Goto;
            contents.elements.push_back(
                {policy_map_name(rung.way, rung.tier, family),
                 {nft_verdict(bytes, how, profile_chain(rung, policies), comment)}});
        }
    }
    return make_nft_part(std::move(contents));
}

void PolicyTables::render_pod(const Key& key) {
    const auto pod = cluster_.pods.find(key);
    if (pod == cluster_.pods.end()) {
        return; // removed: as it was, until it is forgotten
    }
    auto& state = pods_[key];
    auto ladders = pod->second.host_network ? Ladders{} : ladders_of(key);
    const bool on_node = !ladders.empty() && nodes_.contains(pod->second.node);
    place_pod(key, state, on_node ? pod->second.node : std::string{}, std::move(ladders));
    if (state.ladders.empty()) {
        pods_.erase(key);
    }
}

/// New things are acquired before old ones are released: what both need stays as it is.
void PolicyTables::place_pod(
    const Key& key, PodState& state, const std::string& node, Ladders ladders) {
    for (const auto& [rung, policies] : ladders) {
        use_profile(rung, policies);
    }
    if (!node.empty()) {
        auto& to = *nodes_.at(node);
        for (const auto& [rung, policies] : ladders) {
            acquire(to, profile_chain(rung, policies));
        }
        to.parts.put(pod_part_name(key), pod_part(cluster_.pods.at(key), ladders));
    }
    if (const auto from = nodes_.find(state.node); from != nodes_.end()) {
        for (const auto& [rung, policies] : state.ladders) {
            release(*from->second, profile_chain(rung, policies));
        }
        if (state.node != node) {
            from->second->parts.take_out(pod_part_name(key));
        }
    }
    for (const auto& [rung, policies] : state.ladders) {
        release_profile(rung, policies);
    }
    state.node = node;
    state.ladders = std::move(ladders);
}

// --- what nodes have

void PolicyTables::set_resource(const std::string& name, Resource resource) {
    auto& there = resources_[name];
    if (there.part && *there.part == *resource.part && there.needs == resource.needs) {
        return;
    }
    const auto before = std::exchange(there, std::move(resource));
    for (auto& [node_name, node] : nodes_) {
        if (!node->users.contains(name)) {
            continue;
        }
        for (const auto& need : there.needs) {
            acquire(*node, need);
        }
        node->parts.put(name, there.part);
        for (const auto& need : before.needs) {
            release(*node, need);
        }
    }
}

void PolicyTables::acquire(Node& node, const std::string& name) {
    if (node.users[name]++ != 0) {
        return;
    }
    const auto& resource = resources_.at(name);
    for (const auto& need : resource.needs) {
        acquire(node, need);
    }
    node.parts.put(name, resource.part);
}

void PolicyTables::release(Node& node, const std::string& name) {
    const auto found = node.users.find(name);
    if (--found->second != 0) {
        return;
    }
    node.users.erase(found);
    node.parts.take_out(name);
    for (const auto& need : resources_.at(name).needs) {
        release(node, need);
    }
}

} // namespace services
