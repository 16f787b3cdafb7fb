#include <algorithm>
#include <functional>
#include <set>

#include "labctl/check/selector.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using netemu::glob_match;

bool in_namespace(const Term& term, const std::string& own, const std::string& ns) {
    return term.ns.empty() ? ns == own : glob_match(term.ns, ns);
}

bool is_glob(const std::string& text) {
    return text.find_first_of("*?") != std::string::npos;
}

bool owned_by(const PodView& pod, std::string_view kind, const std::string& name) {
    return std::ranges::any_of(pod.owners, [&](const auto& owner) {
        return (kind.empty() || owner.first == kind) && glob_match(name, owner.second);
    });
}

bool app_is(const PodView& pod, const std::string& name) {
    for (const char* key : {"app", "app.kubernetes.io/name"}) {
        const auto found = pod.labels.find(key);
        if (found != pod.labels.end() && found->second == name) {
            return true;
        }
    }
    return false;
}

using PodTest = std::function<bool(const PodView&)>;

class Resolver {
public:
    Resolver(const World& world, const std::string& ns) : world_(world), ns_(ns) {}

    [[nodiscard]] std::vector<Party> find(const Term& term, Role role) const {
        switch (term.kind) {
        case Term::Kind::Name:
            return by_name(term, role);
        case Term::Kind::Labels:
            return pods(term, [&](const PodView& pod) { return term.labels.matches(pod.labels); });
        case Term::Kind::Workload:
            return by_workload(term);
        case Term::Kind::Service:
            return services(term);
        case Term::Kind::Node:
            return nodes(term);
        case Term::Kind::External:
            return {Party{Party::Kind::External, nullptr, nullptr, nullptr, world_.external_ips}};
        case Term::Kind::Address:
            return {Party{Party::Kind::Address, nullptr, nullptr, nullptr, {term.name}}};
        }
        return {};
    }

private:
    [[nodiscard]] std::vector<Party> pods(const Term& term, const PodTest& test) const {
        std::vector<Party> found;
        for (const auto& pod : world_.pods) {
            if (pod.alive() && in_namespace(term, ns_, pod.ns) && test(pod)) {
                found.push_back({Party::Kind::Pod, &pod, nullptr, nullptr, {}});
            }
        }
        return found;
    }

    /// host/NAME and router/NAME are written like the pods of a namespace.
    [[nodiscard]] std::vector<Party> devices(const Term& term) const {
        std::vector<Party> found;
        const bool written_so = term.ns == "host" || term.ns == "router";
        for (const auto& device : world_.devices) {
            if (written_so && glob_match(term.ns + "/" + term.name, device.name)) {
                found.push_back({Party::Kind::External, nullptr, &device, nullptr, {}});
            }
        }
        return found;
    }

    [[nodiscard]] std::vector<Party> by_name(const Term& term, Role role) const {
        if (auto found = devices(term); !found.empty()) {
            return found;
        }
        auto found =
            pods(term, [&](const PodView& pod) { return glob_match(term.name, pod.name); });
        if (!found.empty() || is_glob(term.name)) {
            return found;
        }
        found = pods(term, [&](const PodView& pod) { return owned_by(pod, {}, term.name); });
        if (found.empty()) {
            found = pods(term, [&](const PodView& pod) { return app_is(pod, term.name); });
        }
        return found.empty() && role == Role::Target ? services(term) : found;
    }

    [[nodiscard]] std::vector<Party> by_workload(const Term& term) const {
        return pods(term, [&](const PodView& pod) {
            return term.workload_kind == "Pod" ? glob_match(term.name, pod.name)
                                               : owned_by(pod, term.workload_kind, term.name);
        });
    }

    [[nodiscard]] std::vector<Party> services(const Term& term) const {
        std::vector<Party> found;
        for (const auto& service : world_.services) {
            if (in_namespace(term, ns_, service.ns) && glob_match(term.name, service.name)) {
                found.push_back({Party::Kind::Service, nullptr, nullptr, &service, {}});
            }
        }
        return found;
    }

    [[nodiscard]] std::vector<Party> nodes(const Term& term) const {
        std::vector<Party> found;
        for (const auto& node : world_.nodes) {
            if (glob_match(term.name, node.name)) {
                found.push_back({Party::Kind::Node, nullptr, &node, nullptr, {}});
            }
        }
        return found;
    }

    const World& world_;
    const std::string& ns_;
};

/// The namespace of another pod or workload of that name, as "NS/NAME".
std::string elsewhere(const Term& term, const World& world) {
    for (const auto& pod : world.pods) {
        if (pod.alive() && (pod.name == term.name || owned_by(pod, {}, term.name))) {
            return pod.ns + "/" + term.name;
        }
    }
    return {};
}

std::vector<std::string> known_names(const World& world, const std::string& ns, bool nodes) {
    std::set<std::string> names;
    if (nodes) {
        for (const auto& node : world.nodes) {
            names.insert(node.name);
        }
        return {names.begin(), names.end()};
    }
    const auto wanted = [&](const std::string& other) {
        return ns.empty() || glob_match(ns, other);
    };
    for (const auto& pod : world.pods) {
        if (wanted(pod.ns)) {
            names.insert(pod.name);
        }
    }
    for (const auto& workload : world.workloads) {
        if (wanted(workload.ns)) {
            names.insert(workload.name);
        }
    }
    for (const auto& service : world.services) {
        if (wanted(service.ns)) {
            names.insert(service.name);
        }
    }
    return {names.begin(), names.end()};
}

std::string explain_term(const Term& term, const World& world, const std::string& own) {
    const auto ns = term.ns.empty() ? own : term.ns;
    const bool node = term.kind == Term::Kind::Node;
    for (const auto& workload : world.workloads) {
        if (!node && workload.name == term.name && glob_match(ns, workload.ns)) {
            return netemu::to_lower(workload.kind) + " " + workload.ns + "/" + workload.name +
                   " has no pods that run";
        }
    }
    std::string text = node ? "no node is named '" + term.name + "'"
                            : "nothing matches '" + term.text + "' in namespace '" + ns + "'";
    if (is_glob(ns)) {
        text = "nothing matches '" + term.text + "' in any namespace";
    }
    if (!node && term.kind == Term::Kind::Name) {
        if (const auto other = elsewhere(term, world); !other.empty()) {
            return text + "; did you mean '" + other + "'?";
        }
    }
    if (term.kind != Term::Kind::Labels) {
        const auto names = known_names(world, ns, node);
        if (const auto near = netemu::nearest(term.name, names)) {
            return text + "; did you mean '" + (node ? "node/" : "") + *near + "'?";
        }
    }
    return text;
}

} // namespace

std::string Party::label() const {
    switch (kind) {
    case Kind::Pod:
        return pod->id();
    case Kind::Node:
        return "node/" + node->name;
    case Kind::External:
        return node == nullptr ? "external" : node->name;
    case Kind::Service:
        return "service/" + service->ns + "/" + service->name;
    case Kind::Address:
        return addresses.empty() ? std::string{} : addresses.front();
    }
    return {};
}

const std::vector<std::string>& Party::ips() const {
    switch (kind) {
    case Kind::Pod:
        return pod->ips;
    case Kind::Node:
        return node->ips;
    case Kind::Service:
        return service->ips;
    case Kind::External:
        return node == nullptr ? addresses : node->ips;
    case Kind::Address:
        break;
    }
    return addresses;
}

std::vector<Party> resolve(const Side& side, const World& world, const std::string& ns, Role role) {
    const Resolver resolver(world, ns);
    std::set<std::string> taken;
    for (const auto& term : side.except) {
        for (const auto& party : resolver.find(term, role)) {
            taken.insert(party.label());
        }
    }
    std::vector<Party> parties;
    for (const auto& term : side.terms) {
        for (auto& party : resolver.find(term, role)) {
            if (taken.insert(party.label()).second) {
                parties.push_back(std::move(party));
            }
        }
    }
    return parties;
}

std::string
explain_nothing(const Side& side, const World& world, const std::string& ns, Role role) {
    const Resolver resolver(world, ns);
    for (const auto& term : side.terms) {
        if (resolver.find(term, role).empty()) {
            return explain_term(term, world, ns);
        }
    }
    return "everything that '" + side.text + "' matches is taken away by its 'except'";
}

} // namespace labctl::check
