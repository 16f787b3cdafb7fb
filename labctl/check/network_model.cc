#include "labctl/check/network_model.h"

#include <algorithm>
#include <map>
#include <set>

#include "labctl/check/expand.h"
#include "labctl/check/words.h"

namespace labctl::check {

namespace {

using probe::Scheme;

Party pod_party(const PodView& pod) {
    return {Party::Kind::Pod, &pod, nullptr, nullptr, {}};
}

Party node_party(const NodeView& node) {
    return {Party::Kind::Node, nullptr, &node, nullptr, {}};
}

bool takes_part(const PodView& pod) {
    return pod.alive() && pod.phase == "Running" && !pod.host_network;
}

class ModelExpander {
public:
    ModelExpander(const Assertion& assertion, const World& world, std::uint64_t timeout_ms)
        : assertion_(assertion), world_(world), timeout_ms_(timeout_ms) {
        for (const auto& pod : world.pods) {
            if (takes_part(pod) && !pod.ips.empty()) {
                pods_.push_back(&pod);
            }
        }
        // Pods of a node stand together, so that a stride through the list crosses nodes.
        std::ranges::stable_sort(pods_, {}, [](const PodView* pod) { return pod->node; });
    }

    Expansion run() {
        note_left_out();
        switch (assertion_.model) {
        case ModelRule::UniqueAddresses:
            unique_addresses();
            break;
        case ModelRule::PodToPod:
            pod_to_pod();
            break;
        case ModelRule::NodeToPod:
            node_to_pod();
            break;
        case ModelRule::None:
            break;
        }
        if (expansion_.flows.empty() && expansion_.findings.empty()) {
            expansion_.nothing = "no pod is running";
        }
        return std::move(expansion_);
    }

private:
    void note_left_out() {
        const auto waiting = static_cast<std::size_t>(std::ranges::count_if(
            world_.pods, [](const auto& pod) { return pod.alive() && pod.phase != "Running"; }));
        const auto on_host = static_cast<std::size_t>(std::ranges::count_if(
            world_.pods, [](const auto& pod) { return pod.alive() && pod.host_network; }));
        if (waiting > 0) {
            expansion_.notes.push_back(plural(waiting, "pod") + " left out: not running");
        }
        if (on_host > 0) {
            expansion_.notes.push_back(plural(on_host, "pod") + " left out: on the host's network");
        }
    }

    void unique_addresses() {
        std::map<std::string, std::string> owners;
        for (const auto& node : world_.nodes) {
            for (const auto& ip : node.ips) {
                owners.emplace(ip, "node/" + node.name);
            }
        }
        for (const auto& pod : world_.pods) {
            if (!takes_part(pod)) {
                continue;
            }
            if (pod.ips.empty()) {
                expansion_.findings.push_back(
                    {Verdict::Fail, pod.id() + " runs but has no address"});
            }
            for (const auto& ip : pod.ips) {
                const auto [owner, is_new] = owners.emplace(ip, pod.id());
                if (!is_new) {
                    expansion_.findings.push_back(
                        {Verdict::Fail,
                         pod.id() + " has the address " + ip + " of " + owner->second});
                }
            }
        }
        for (const auto* pod : pods_) {
            if (const auto* node = node_named(world_, pod->node)) {
                add(node_party(*node), *pod);
            }
        }
    }

    void pod_to_pod() {
        if (pods_.size() <= kFullMatrixPodsMax) {
            every_pair();
        } else {
            sample_of_pairs();
        }
    }

    void every_pair() {
        for (const auto* from : pods_) {
            for (const auto* to : pods_) {
                if (from != to) {
                    add(pod_party(*from), *to);
                }
            }
        }
    }

    void sample_of_pairs() {
        const auto total = pods_.size();
        std::set<std::pair<std::string, std::string>> crossed;
        std::size_t pairs = 0;
        const auto connect = [&](std::size_t from, std::size_t to) {
            crossed.emplace(pods_[from]->node, pods_[to]->node);
            add(pod_party(*pods_[from]), *pods_[to]);
            ++pairs;
        };
        const auto each = std::clamp<std::size_t>(kSampleProbesMax / total, 2, total - 1);
        for (std::size_t k = 0; k < each; ++k) {
            // Strides from 1 to total - 1: distinct, so no pair comes twice and no pod meets
            // itself.
            const auto stride = 1 + k * (total - 1) / each;
            for (std::size_t from = 0; from < total; ++from) {
                connect(from, (from + stride) % total);
            }
        }
        cross_missing_nodes(crossed, connect);
        expansion_.notes.push_back(
            "a sample: " + std::to_string(pairs) + " of " + std::to_string(total * (total - 1)) +
            " ordered pairs; each of the " + std::to_string(total) + " pods sends to at least " +
            std::to_string(each) +
            " others and receives from as many, and every ordered pair of nodes " +
            "with pods is crossed");
    }

    template <typename Connect>
    void cross_missing_nodes(
        const std::set<std::pair<std::string, std::string>>& crossed, const Connect& connect) {
        std::map<std::string, std::vector<std::size_t>> by_node;
        for (std::size_t i = 0; i < pods_.size(); ++i) {
            by_node[pods_[i]->node].push_back(i);
        }
        std::size_t turn = 0; // so that not always the same pod of a node is taken
        for (const auto& [from, senders] : by_node) {
            for (const auto& [to, receivers] : by_node) {
                if (from != to && !crossed.contains({from, to})) {
                    connect(senders[turn % senders.size()], receivers[turn % receivers.size()]);
                    ++turn;
                }
            }
        }
    }

    void node_to_pod() {
        const auto& nodes = world_.nodes;
        const auto total = nodes.size() * pods_.size();
        if (total <= kFullMatrixPodsMax * kFullMatrixPodsMax) {
            for (const auto& node : nodes) {
                for (const auto* pod : pods_) {
                    add(node_party(node), *pod);
                }
            }
            return;
        }
        const auto each = std::clamp<std::size_t>(kSampleProbesMax / pods_.size(), 1, nodes.size());
        for (std::size_t i = 0; i < pods_.size(); ++i) {
            for (std::size_t k = 0; k < each; ++k) {
                add(node_party(nodes[(i * each + k) % nodes.size()]), *pods_[i]);
            }
        }
        expansion_.notes.push_back(
            "a sample: " + std::to_string(pods_.size() * each) + " of " + std::to_string(total) +
            " pairs of a node and a pod; each pod is reached from " + plural(each, "node") +
            ", all nodes in turn");
    }

    void add(const Party& from, const PodView& to) {
        const auto tcp = std::ranges::find(to.ports, "TCP", &PortView::protocol);
        const bool icmp = tcp == to.ports.end();
        auto flow = start_flow(assertion_, world_, from, pod_party(to), timeout_ms_);
        flow.lenient = true;
        flow.backend = icmp ? "" : to.id();
        for (const auto& ip : to.ips) {
            flow.request.to = make_target(
                icmp ? Scheme::Icmp : Scheme::Tcp,
                ip,
                icmp ? std::string{} : std::to_string(tcp->number),
                {});
            expansion_.flows.push_back(flow);
        }
    }

    const Assertion& assertion_;
    const World& world_;
    std::uint64_t timeout_ms_;
    std::vector<const PodView*> pods_;
    Expansion expansion_;
};

Assertion rule(ModelRule model, const char* id, const char* title, const char* description) {
    Assertion assertion;
    assertion.model = model;
    assertion.id = id;
    assertion.title = title;
    assertion.description = description;
    assertion.expect.text = "allow";
    return assertion;
}

} // namespace

std::vector<Assertion> network_model_assertions(const World& world) {
    std::vector<Assertion> rules;
    const auto running = std::ranges::count_if(world.pods, takes_part);
    if (running == 0) {
        return rules;
    }
    rules.push_back(rule(
        ModelRule::UniqueAddresses,
        "model-1",
        "every pod has its own address",
        "No two pods share an address, and the pod that the API names is the one that answers at "
        "it. "
        "Asked from the pod's own node."));
    rules.back().from.text = "own node";
    rules.back().to.text = "every pod";
    rules.back().expect.text = "answered by that pod";
    if (running > 1) {
        rules.push_back(rule(
            ModelRule::PodToPod,
            "model-2",
            "any pod reaches any pod without NAT",
            "Every pod can send to every other pod on any node, and the receiver sees the sender's "
            "own "
            "address as the source: nothing translates on the way."));
        rules.back().from.text = "every pod";
        rules.back().to.text = "every other pod";
        rules.back().expect.client_ip = "preserved";
        rules.back().expect.text = "allow, client IP preserved";
    }
    rules.push_back(rule(
        ModelRule::NodeToPod,
        "model-3",
        "every node reaches every pod",
        "Agents on a node, such as the kubelet with its probes, can reach the pods of that node "
        "and of "
        "every other."));
    rules.back().from.text = "every node";
    rules.back().to.text = "every pod";
    return rules;
}

Expansion expand_model(const Assertion& assertion, const World& world, std::uint64_t timeout_ms) {
    return ModelExpander(assertion, world, timeout_ms).run();
}

} // namespace labctl::check
