#include "labctl/report/overview.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "labctl/check/world.h"
#include "labctl/report/printer.h"
#include "labctl/report/printer_kinds.h"
#include "labctl/report/table.h"
#include "netemu/base/address.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using check::PodView;
using check::World;

/// A line of the second table: the pods of one workload, a bare pod, or all bare pods of a
/// namespace.
struct Group {
    std::string ns;
    std::string name;
    std::size_t pods = 0;
    std::size_t ready = 0;
    std::string ports;
    std::vector<std::string> ips;
};

struct NodeLine {
    std::string status;
    std::string address;
    std::string range;
    std::size_t pods = 0;
};

std::string plural(std::size_t count, const std::string& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

bool is_ready(const api::Json& pod) {
    const auto& conditions = api::at(pod, "status.conditions");
    return std::any_of(conditions.begin(), conditions.end(), [](const api::Json& condition) {
        return api::string_at(condition, "type") == "Ready" &&
               api::string_at(condition, "status") == "True";
    });
}

/// "8080, 53/udp": TCP goes without saying.
std::string ports_of(const PodView& pod) {
    std::vector<std::string> parts;
    for (const auto& port : pod.ports) {
        parts.push_back(
            std::to_string(port.number) +
            (port.protocol == "TCP" ? "" : "/" + netemu::to_lower(port.protocol)));
    }
    return parts.empty() ? "-" : netemu::join(parts, ", ");
}

class Overview {
public:
    explicit Overview(const OverviewInput& input)
        : input_(input), world_(World::from_objects(input.objects)) {
        for (const auto& object : input.objects) {
            const bool everywhere = object->ns() == "default" && object->name() == "kubernetes";
            if (object->kind() == "Service" && !everywhere) {
                services_.push_back(object);
            }
            if (object->kind() == "Ingress") {
                ingresses_.push_back(object);
            }
            if (object->kind() == "Pod" && is_ready(object->body)) {
                ready_.insert(object->ns() + "/" + object->name());
            }
        }
        for (const auto& pod : world_.pods) {
            ++pods_of_node_[pod.node];
            bare_pods_[pod.ns] += pod.owners.empty() ? 1 : 0;
        }
    }

    [[nodiscard]] std::string render() const {
        auto text = nodes() + "\n" + workloads() + "\n";
        for (const auto& listed : {services(), ingresses()}) {
            text += listed.empty() ? "" : listed + "\n";
        }
        return text + totals();
    }

private:
    [[nodiscard]] std::string nodes() const {
        Table table({{"NODE"}, {"STATUS"}, {"ADDRESS"}, {"POD RANGE"}, {"PODS", Align::Right}});
        const bool all = world_.nodes.size() <= kOverviewNodesMax;
        // Room is kept for the line that counts the rest.
        const auto shown = all ? world_.nodes.size() : kOverviewNodesMax - 1;
        std::size_t listed = 0;
        for (const auto& object : input_.objects) {
            if (object->kind() == "Node" && listed++ < shown) {
                add_node(table, *object);
            }
        }
        if (!all) {
            table.add({"... and " + std::to_string(world_.nodes.size() - shown) + " more"});
        }
        if (!input_.external_ip.empty()) {
            table.add({"external", "", input_.external_ip});
        }
        for (std::size_t i = 0; i < input_.devices.size() && i < kOverviewNodesMax; ++i) {
            table.add({input_.devices[i].first, "", input_.devices[i].second});
        }
        if (input_.devices.size() > kOverviewNodesMax) {
            const auto rest = input_.devices.size() - kOverviewNodesMax;
            table.add({"... and " + std::to_string(rest) + " more"});
        }
        return table.render(style());
    }

    void add_node(Table& table, const api::Object& node) const {
        const auto found = std::ranges::find(world_.nodes, node.name(), &check::NodeView::name);
        const auto pods = pods_of_node_.find(node.name());
        const auto status = node_status(node.body);
        std::vector<std::string> ranges;
        for (const auto& range : api::at(node.body, "spec.podCIDRs")) {
            ranges.push_back(range.is_string() ? range.get<std::string>() : std::string{});
        }
        table.add(
            {node.name(),
             Cell(status, status == "Ready" ? Colour::Green : Colour::Yellow),
             netemu::join(found->ips, ", "),
             ranges.empty() ? api::string_at(node.body, "spec.podCIDR", "-")
                            : netemu::join(ranges, ", "),
             std::to_string(pods == pods_of_node_.end() ? 0 : pods->second)});
    }

    /// What a pod is listed under.
    [[nodiscard]] std::string group_name(const PodView& pod) const {
        constexpr std::size_t kBarePodsMax = 5;
        if (!pod.owners.empty()) {
            const auto& [kind, name] = pod.owners.back();
            return netemu::to_lower(kind) + "/" + name;
        }
        const auto bare = bare_pods_.at(pod.ns);
        return bare > kBarePodsMax ? plural(bare, "bare pod") : "pod/" + pod.name;
    }

    [[nodiscard]] std::vector<Group> groups() const {
        std::vector<Group> groups;
        std::map<std::pair<std::string, std::string>, std::size_t> index;
        for (const auto& pod : world_.pods) {
            const auto name = group_name(pod);
            const auto [entry, is_new] = index.try_emplace({pod.ns, name}, groups.size());
            if (is_new) {
                groups.push_back({pod.ns, name, 0, 0, ports_of(pod), {}});
            }
            auto& group = groups[entry->second];
            ++group.pods;
            group.ready += ready_.contains(pod.id()) ? 1U : 0U;
            if (!pod.ips.empty()) {
                group.ips.push_back(pod.ips.front());
            }
        }
        for (auto& group : groups) {
            std::ranges::sort(group.ips, {}, [](const std::string& ip) {
                return netemu::IpAddress::parse(ip).value_or(netemu::IpAddress());
            });
        }
        std::ranges::stable_sort(groups, {}, [](const Group& group) {
            return std::pair(group.ns, group.name.substr(group.name.find('/') + 1));
        });
        return groups;
    }

    [[nodiscard]] std::string workloads() const {
        const auto all = groups();
        const bool fits = all.size() <= kOverviewWorkloadsMax;
        const auto shown = fits ? all.size() : kOverviewWorkloadsMax - 1;
        Table table(
            {{"NAMESPACE"}, {"WORKLOAD"}, {"READY", Align::Right}, {"PORTS"}, {"POD ADDRESSES"}});
        for (std::size_t i = 0; i < shown; ++i) {
            const auto& group = all[i];
            table.add(
                {group.ns,
                 group.name,
                 Cell(
                     std::to_string(group.ready) + "/" + std::to_string(group.pods),
                     group.ready == group.pods ? Colour::Green : Colour::Yellow),
                 group.ports,
                 addresses(group.ips)});
        }
        if (table.empty()) {
            return "no pods\n";
        }
        auto text = table.render(style());
        if (!fits) {
            std::size_t pods = 0;
            for (std::size_t i = shown; i < all.size(); ++i) {
                pods += all[i].pods;
            }
            text += "... and " + std::to_string(all.size() - shown) + " more workloads with " +
                    plural(pods, "pod") + "\n";
        }
        return text;
    }

    /// What Services can be reached at; empty if there are none.
    [[nodiscard]] std::string services() const {
        const bool fits = services_.size() <= kOverviewServicesMax;
        const auto shown = fits ? services_.size() : kOverviewServicesMax - 1;
        Table table(
            {{"NAMESPACE"}, {"SERVICE"}, {"TYPE"}, {"CLUSTER IP"}, {"EXTERNAL IP"}, {"PORTS"}});
        for (std::size_t i = 0; i < shown; ++i) {
            const auto& service = *services_[i];
            const auto ports = format_service_ports(api::at(service.body, "spec.ports"));
            table.add(
                {service.ns(),
                 service.name(),
                 api::string_at(service.body, "spec.type", "ClusterIP"),
                 dash_if_empty(cluster_ips(service.body)),
                 dash_if_empty(external_address(service.body)),
                 dash_if_empty(ports)});
        }
        if (table.empty()) {
            return {};
        }
        return table.render(style()) +
               (fits ? ""
                     : "... and " + std::to_string(services_.size() - shown) + " more services\n");
    }

    /// Which hosts lead into the lab, and by which address; empty if there are none.
    [[nodiscard]] std::string ingresses() const {
        const bool fits = ingresses_.size() <= kOverviewServicesMax;
        const auto shown = fits ? ingresses_.size() : kOverviewServicesMax - 1;
        Table table({{"NAMESPACE"}, {"INGRESS"}, {"CLASS"}, {"ADDRESS"}, {"HOSTS"}});
        for (std::size_t i = 0; i < shown; ++i) {
            const auto& ingress = *ingresses_[i];
            std::vector<std::string> hosts;
            for (const auto& rule : api::at(ingress.body, "spec.rules")) {
                hosts.push_back(api::string_at(rule, "host", "*"));
            }
            table.add(
                {ingress.ns(),
                 ingress.name(),
                 api::string_at(ingress.body, "spec.ingressClassName", "-"),
                 dash_if_empty(external_address(ingress.body)),
                 hosts.empty() ? "*" : addresses(hosts)});
        }
        if (table.empty()) {
            return {};
        }
        return table.render(style()) +
               (fits
                    ? ""
                    : "... and " + std::to_string(ingresses_.size() - shown) + " more Ingresses\n");
    }

    static std::string dash_if_empty(const std::string& text) { return text.empty() ? "-" : text; }

    static std::string cluster_ips(const api::Json& service) {
        std::vector<std::string> ips;
        for (const auto& ip : api::at(service, "spec.clusterIPs")) {
            ips.push_back(ip.is_string() ? ip.get<std::string>() : std::string{});
        }
        return ips.empty() ? api::string_at(service, "spec.clusterIP") : netemu::join(ips, ", ");
    }

    static std::string external_address(const api::Json& service) {
        auto addresses = load_balancer_addresses(service);
        for (const auto& ip : api::at(service, "spec.externalIPs")) {
            addresses.push_back(ip.is_string() ? ip.get<std::string>() : std::string{});
        }
        const auto name = api::string_at(service, "spec.externalName");
        return addresses.empty() ? name : netemu::join(addresses, ", ");
    }

    static std::string addresses(const std::vector<std::string>& ips) {
        const auto shown = std::min(ips.size(), kOverviewAddressesMax);
        auto text = netemu::join(std::span(ips).first(shown), "  ");
        return ips.size() > shown ? text + "  +" + std::to_string(ips.size() - shown) : text;
    }

    [[nodiscard]] std::string totals() const {
        std::set<std::string> namespaces;
        for (const auto& pod : world_.pods) {
            namespaces.insert(pod.ns);
        }
        auto text = plural(world_.nodes.size(), "node") + ", " + plural(world_.pods.size(), "pod");
        text += namespaces.empty() ? "" : " in " + plural(namespaces.size(), "namespace");
        text += services_.empty() ? "" : ", " + plural(services_.size(), "service");
        const auto waiting = world_.pods.size() - ready_.size();
        return text + (waiting > 0 ? "; " + std::to_string(waiting) + " not ready" : "") + "\n";
    }

    [[nodiscard]] Table::Style style() const {
        Table::Style style;
        style.colour = input_.colour;
        return style;
    }

    const OverviewInput& input_;
    World world_;
    std::vector<api::ObjectPtr> services_;
    std::vector<api::ObjectPtr> ingresses_;
    std::set<std::string> ready_;
    std::map<std::string, std::size_t> pods_of_node_;
    std::map<std::string, std::size_t> bare_pods_;
};

} // namespace

std::string overview(const OverviewInput& input) {
    return Overview(input).render();
}

} // namespace labctl::report
