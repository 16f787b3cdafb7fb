#include "labctl/check/expand.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "netemu/base/address.h"
#include "netemu/base/limits.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using probe::Scheme;

Scheme scheme_from(const std::string& protocol) {
    return protocol == "UDP" ? Scheme::Udp : protocol == "SCTP" ? Scheme::Sctp : Scheme::Tcp;
}

/// A port of a party that an assertion may mean: its number and how to speak to it.
struct Door {
    Scheme scheme = Scheme::Tcp;
    std::string port; // empty: ICMP
};

const std::vector<PortView>* declared_ports(const Party& party) {
    return party.kind == Party::Kind::Pod       ? &party.pod->ports
           : party.kind == Party::Kind::Service ? &party.service->ports
                                                : nullptr;
}

std::vector<Door> every_door(const Party& party, bool icmp_if_none) {
    std::vector<Door> doors;
    if (const auto* ports = declared_ports(party)) {
        for (const auto& port : *ports) {
            doors.push_back({scheme_from(port.protocol), std::to_string(port.number)});
        }
    }
    if (doors.empty() && icmp_if_none) {
        doors.push_back({Scheme::Icmp, {}});
    }
    return doors;
}

/// The doors that `destination` means at `party`; empty when the named port is not declared there.
std::vector<Door> doors_of(const Destination& destination, const Party& party) {
    const auto& port = destination.port;
    if (destination.scheme == Scheme::Icmp) {
        return {{Scheme::Icmp, {}}};
    }
    if (port.empty() || port == "*") {
        return every_door(party, port.empty());
    }
    if (port.find_first_not_of("0123456789") == std::string::npos) {
        return {{destination.scheme, port}};
    }
    std::vector<Door> doors;
    if (const auto* ports = declared_ports(party)) {
        for (const auto& candidate : *ports) {
            if (candidate.name == port) {
                const auto scheme = probe::is_http(destination.scheme)
                                        ? destination.scheme
                                        : scheme_from(candidate.protocol);
                doors.push_back({scheme, std::to_string(candidate.number)});
            }
        }
    }
    return doors;
}

std::vector<std::string> choose_ips(const std::vector<std::string>& ips, FamilyChoice choice) {
    if (choice == FamilyChoice::Primary) {
        return ips.empty() ? std::vector<std::string>{} : std::vector{ips.front()};
    }
    std::vector<std::string> chosen;
    for (const auto& ip : ips) {
        const bool v6 = ip.find(':') != std::string::npos;
        if (choice == FamilyChoice::Both || v6 == (choice == FamilyChoice::V6)) {
            chosen.push_back(ip);
        }
    }
    return chosen;
}

std::string why_blocked(const Party& from, const Party& to, bool has_door) {
    const auto waiting = [](const Party& party) {
        return party.label() + " has no address yet (" + party.pod->phase + ")";
    };
    if (from.kind == Party::Kind::Pod && from.ips().empty()) {
        return waiting(from);
    }
    if (to.ips().empty()) {
        return to.kind == Party::Kind::Pod       ? waiting(to)
               : to.kind == Party::Kind::Service ? to.label() + " is headless: it has no address"
                                                 : to.label() + " has no known address";
    }
    return has_door ? "" : to.label() + " declares no such port";
}

/// The addresses that a server may see, by the word of the expectation.
std::vector<std::string>
client_ips(const std::string& wanted, const World& world, const Party& from) {
    if (wanted.empty() || wanted == "preserved") {
        return wanted.empty() ? std::vector<std::string>{} : from.ips();
    }
    if (wanted != "node") {
        return {wanted};
    }
    // On the way to a node's port two nodes may masquerade, the sender's and the one that was
    // asked.
    std::vector<std::string> ips;
    for (const auto& node : world.nodes) {
        ips.insert(ips.end(), node.ips.begin(), node.ips.end());
        ips.insert(ips.end(), node.device_ips.begin(), node.device_ips.end());
    }
    return ips;
}

class Expander {
public:
    Expander(const Assertion& assertion, const World& world, std::uint64_t timeout_ms)
        : assertion_(assertion), world_(world), timeout_ms_(timeout_ms) {}

    Expansion run() {
        const auto sources = resolve(assertion_.from, world_, assertion_.ns, Role::Source);
        if (sources.empty()) {
            expansion_.nothing =
                explain_nothing(assertion_.from, world_, assertion_.ns, Role::Source);
            return std::move(expansion_);
        }
        if (assertion_.to.url) {
            to_url(sources);
        } else {
            to_side(sources, assertion_.to.side);
        }
        if (assertion_.expect.mtu) {
            measure_mtu(*assertion_.expect.mtu);
        }
        if (expansion_.flows.size() > netemu::limits::kProbesMax) {
            expansion_.flows.clear();
            expansion_.nothing = "it selects more than " +
                                 std::to_string(netemu::limits::kProbesMax) +
                                 " flows, which is more than can be probed";
        }
        return std::move(expansion_);
    }

private:
    /// Each flow with the largest packet that shall come through, and with one byte more.
    void measure_mtu(std::uint32_t mtu) {
        const auto plain = std::move(expansion_.flows);
        expansion_.flows.clear();
        for (const auto& flow : plain) {
            auto fits = flow;
            fits.request.size = mtu;
            expansion_.flows.push_back(std::move(fits));
            auto larger = flow;
            larger.request.size = mtu + 1;
            larger.too_large = true;
            expansion_.flows.push_back(std::move(larger));
        }
    }

    using DoorsOf = std::function<std::vector<Door>(const Party& to)>;

    void to_side(const std::vector<Party>& sources, const Side& side) {
        const auto targets = resolve(side, world_, assertion_.ns, Role::Target);
        if (targets.empty()) {
            expansion_.nothing = explain_nothing(side, world_, assertion_.ns, Role::Target);
            return;
        }
        connect(sources, targets, [&](const Party& to) { return doors_of(assertion_.to, to); });
    }

    void connect(
        const std::vector<Party>& sources,
        const std::vector<Party>& targets,
        const DoorsOf& doors_at) {
        // What a pod sends to itself crosses no network, so `*` does not mean it; alone it is
        // meant.
        const bool only_self = sources.size() == 1 && targets.size() == 1;
        for (const auto& to : targets) {
            const auto doors = doors_at(to);
            const auto label = to.label();
            for (const auto& from : sources) {
                if (expansion_.flows.size() > netemu::limits::kProbesMax) {
                    return;
                }
                if (only_self || from.label() != label) {
                    add(from, to, doors);
                }
            }
        }
        if (expansion_.flows.empty()) {
            expansion_.nothing = "'" + assertion_.to.text + "' leaves no flow to probe";
        }
    }

    void add(const Party& from, const Party& to, const std::vector<Door>& doors) {
        const auto ips = choose_ips(to.ips(), assertion_.family);
        auto flow = start_flow(assertion_, world_, from, to, timeout_ms_);
        flow.blocked = why_blocked(from, to, !doors.empty());
        if (flow.blocked.empty() && ips.empty()) {
            flow.blocked = to.label() + " has no address of that family";
        }
        if (!flow.blocked.empty()) {
            flow.request.to.text = assertion_.to.text;
            expansion_.flows.push_back(std::move(flow));
            return;
        }
        flow.service_with_port = service_with_port(to);
        for (const auto& ip : ips) {
            for (const auto& door : doors) {
                flow.request.to = make_target(door.scheme, ip, door.port, path());
                expansion_.flows.push_back(flow);
            }
        }
    }

    [[nodiscard]] std::string service_with_port(const Party& to) const {
        for (const auto& service : world_.services) {
            const bool named = std::ranges::any_of(assertion_.to.side.terms, [&](const Term& term) {
                return term.kind == Term::Kind::Name && term.name == service.name;
            });
            if (!named || to.kind != Party::Kind::Pod || to.pod->ns != service.ns) {
                continue;
            }
            for (const auto& port : service.ports) {
                if (std::to_string(port.number) == assertion_.to.port) {
                    return "svc/" + service.name;
                }
            }
        }
        return {};
    }

    void to_url(const std::vector<Party>& sources) {
        if (const auto targets = pods_in_url(); !targets.empty()) {
            connect(sources, targets, [&](const Party& to) {
                return std::vector<Door>{{assertion_.to.url->scheme, url_port(to)}};
            });
            if (!world_.has_dns) {
                expansion_.notes.push_back(
                    "this lab has no DNS: '" + assertion_.to.url->host +
                    "' was taken as a selector, and the addresses of what it selects were probed");
            }
            return;
        }
        Party to;
        to.kind = Party::Kind::Address;
        to.addresses = {assertion_.to.url->host};
        if (const auto pod = pod_at(assertion_.to.url->host)) {
            to = *pod;
        }
        for (const auto& from : sources) {
            auto flow = start_flow(assertion_, world_, from, to, timeout_ms_);
            flow.blocked = why_blocked(from, to, true);
            flow.request.to = *assertion_.to.url;
            expansion_.flows.push_back(std::move(flow));
        }
    }

    /// The pod that a URL means by `pod:NS/NAME` or by its address.
    [[nodiscard]] std::optional<Party> pod_at(const std::string& host) const {
        for (const auto& pod : world_.pods) {
            if (host == "pod:" + pod.id() ||
                (pod.alive() && std::ranges::find(pod.ips, host) != pod.ips.end())) {
                return Party{Party::Kind::Pod, &pod, nullptr, nullptr, {}};
            }
        }
        return std::nullopt;
    }

    /// The pods that the host of the URL selects: NAME, NAME.NS or NAME.NS.svc.DOMAIN. None when
    /// the lab's DNS can answer for the name, since then it is the name that is to be tested.
    [[nodiscard]] std::vector<Party> pods_in_url() const {
        const auto& host = assertion_.to.url->host;
        const auto labels = netemu::split(host, '.');
        if (host.starts_with("pod:") || netemu::IpAddress::parse(host) ||
            assertion_.to.url->scheme == Scheme::Dns || (labels.size() > 2 && labels[2] != "svc")) {
            return {};
        }
        Term term;
        term.name = labels[0];
        term.ns = labels.size() > 1 ? std::string(labels[1]) : assertion_.ns;
        const bool service = std::ranges::any_of(world_.services, [&](const ServiceView& view) {
            return view.ns == term.ns && view.name == term.name;
        });
        if (service && world_.has_dns) {
            return {};
        }
        // As a source a name never means a Service.
        return resolve({{term}, {}, host}, world_, assertion_.ns, Role::Source);
    }

    [[nodiscard]] std::string url_port(const Party& to) const {
        const auto& port = assertion_.to.url->port;
        if (const auto* ports = declared_ports(to)) {
            for (const auto& candidate : *ports) {
                if (candidate.name == port && !port.empty()) {
                    return std::to_string(candidate.number);
                }
            }
        }
        return port;
    }

    [[nodiscard]] const std::string& path() const {
        return assertion_.to.url ? assertion_.to.url->path : assertion_.to.path;
    }

    const Assertion& assertion_;
    const World& world_;
    std::uint64_t timeout_ms_;
    Expansion expansion_;
};

bool same_family(const std::string& a, const std::string& b) {
    return (a.find(':') == std::string::npos) == (b.find(':') == std::string::npos);
}

/// A probe that differs from the flow's own in who sends it or in what it is sent to, and is plain
/// otherwise.
probe::Request control(const Flow& flow, std::string from) {
    probe::Request request;
    request.from = std::move(from);
    request.to = flow.request.to;
    request.timeout_ms = flow.request.timeout_ms;
    return request;
}

std::optional<std::string>
neighbour_of(const Party& from, const World& world, const std::string& like) {
    const auto first_like = [&](const std::vector<std::string>& ips) {
        const auto found = std::ranges::find_if(
            ips, [&](const auto& ip) { return like.empty() || same_family(ip, like); });
        return found == ips.end() ? std::nullopt : std::optional(*found);
    };
    if (from.kind == Party::Kind::Pod) {
        const auto* node = node_named(world, from.pod->node);
        return node == nullptr ? std::nullopt : first_like(node->ips);
    }
    for (const auto& node : world.nodes) {
        if (from.kind == Party::Kind::External || from.node->name != node.name) {
            if (auto address = first_like(node.ips)) {
                return address;
            }
        }
    }
    for (const auto& device : world.devices) {
        if (from.kind == Party::Kind::External && &device != from.node) {
            if (auto address = first_like(device.ips)) {
                return address;
            }
        }
    }
    return std::nullopt;
}

} // namespace

probe::Target make_target(
    Scheme scheme, const std::string& address, const std::string& port, const std::string& path) {
    std::string text = probe::to_string(scheme) + "://";
    text += address.find(':') == std::string::npos ? address : "[" + address + "]";
    text += port.empty() ? "" : ":" + port;
    const bool default_method = scheme == Scheme::Grpc && path == "/";
    text += probe::is_http(scheme) && !default_method ? path : "";
    return probe::Target::parse(text);
}

const NodeView* node_named(const World& world, const std::string& name) {
    const auto found = std::ranges::find(world.nodes, name, &NodeView::name);
    return found == world.nodes.end() ? nullptr : &*found;
}

Flow start_flow(
    const Assertion& assertion,
    const World& world,
    const Party& from,
    const Party& to,
    std::uint64_t timeout_ms) {
    Flow flow;
    flow.from = from;
    flow.to = to;
    flow.client_ips = client_ips(assertion.expect.client_ip, world, from);
    auto& request = flow.request;
    request.from = from.label();
    request.via = from.kind == Party::Kind::External ? assertion.via : "";
    request.method = assertion.method;
    request.headers = assertion.headers;
    request.body = assertion.body;
    request.ca = assertion.ca;
    request.timeout_ms = assertion.timeout_ms > 0 ? assertion.timeout_ms : timeout_ms;
    request.count = assertion.count;
    request.source_port = assertion.source_port;
    return flow;
}

Expansion expand(const Assertion& assertion, const World& world, std::uint64_t timeout_ms) {
    return assertion.model == ModelRule::None ? Expander(assertion, world, timeout_ms).run()
                                              : expand_model(assertion, world, timeout_ms);
}

std::vector<probe::Request> sender_controls(const Flow& flow, const World& world) {
    const auto& ips = flow.to.ips();
    const auto like = !ips.empty() && netemu::IpAddress::parse(ips.front()) ? ips.front() : "";
    const auto address = neighbour_of(flow.from, world, like);
    if (!address) {
        return {};
    }
    auto request = control(flow, flow.request.from);
    request.to = make_target(Scheme::Icmp, *address, {}, {});
    request.via = flow.request.via;
    return {request};
}

std::vector<probe::Request> listener_controls(const Flow& flow, const World&) {
    if (flow.to.kind == Party::Kind::Node) {
        return {control(flow, flow.to.label())};
    }
    if (flow.to.kind != Party::Kind::Pod || flow.to.pod->node.empty()) {
        return {};
    }
    return {control(flow, "node/" + flow.to.pod->node), control(flow, flow.to.label())};
}

const PodView* pod_with_address(const World& world, const std::string& ip) {
    const auto pod = std::ranges::find_if(world.pods, [&ip](const PodView& candidate) {
        return candidate.alive() && !candidate.node.empty() &&
               std::ranges::find(candidate.ips, ip) != candidate.ips.end();
    });
    return pod == world.pods.end() ? nullptr : &*pod;
}

std::vector<DroppedAt>
dropped_at(const Flow& flow, const probe::Result& result, const World& world) {
    std::vector<DroppedAt> places;
    const auto scheme = flow.request.to.scheme;
    if (result.first.outcome != probe::Outcome::Timeout || scheme == Scheme::Dns) {
        return places;
    }
    for (const auto& drop : probe::drops_of(result)) {
        const auto end = netemu::Endpoint::parse(drop.destination);
        const auto address = end ? end->address : netemu::IpAddress::parse(drop.destination);
        const auto* pod = address ? pod_with_address(world, address->to_string()) : nullptr;
        if (pod == nullptr) {
            continue;
        }
        // Whoever takes the connection listens, whatever is spoken on it.
        places.push_back(
            {{Party::Kind::Pod, pod, nullptr, nullptr, {}},
             make_target(
                 probe::is_http(scheme) ? Scheme::Tcp : scheme,
                 address->to_string(),
                 end ? std::to_string(end->port) : "",
                 {})});
    }
    return places;
}

std::vector<probe::Request> listener_controls(const Flow& flow, const DroppedAt& at) {
    auto request = control(flow, "node/" + at.pod.pod->node);
    request.to = at.target;
    auto own = request;
    own.from = at.pod.label();
    return {std::move(request), std::move(own)};
}

} // namespace labctl::check
