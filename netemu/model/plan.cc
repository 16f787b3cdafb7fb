#include "netemu/model/plan.h"

#include <array>

#include "netemu/model/plan_entries.h"
#include "netemu/model/plan_ipvs.h"
#include "netemu/model/plan_links.h"
#include "netemu/model/plan_ports.h"

namespace netemu {

namespace {

/// Ends of veth pairs, tunnels and VLANs need what other namespaces bring; the rest stands alone.
bool comes_first(const LinkSpec& link) {
    return std::holds_alternative<BridgeSpec>(link.kind) ||
           std::holds_alternative<VethSpec>(link.kind);
}

class Planner {
public:
    Planner(const DesiredState& desired, const ObservedState& observed)
        : desired_(desired), observed_(observed), all_(match_links(desired, observed)) {
        static constexpr std::array kOrder{
            NamespaceRole::Underlay,
            NamespaceRole::External,
            NamespaceRole::Node,
            NamespaceRole::Pod};
        order_.reserve(all_.size());
        for (const auto role : kOrder) {
            for (const auto& ns : all_) {
                if (ns.spec->role == role) {
                    order_.push_back({&ns, neighbours_.compare(ns)});
                }
            }
        }
    }

    Plan run() {
        out_.reserve(creations());
        // What leads to a pod goes everywhere before the pod does.
        for (const auto& each : order_) {
            if (each.ns->info != nullptr) {
                plan_ipvs_removals(*each.ns, out_);
            }
        }
        for (const auto& each : order_) {
            if (each.ns->info != nullptr) {
                remove_from(each);
            }
        }
        delete_namespaces();
        for (const auto& each : order_) {
            if (each.ns->info == nullptr) {
                out_.emplace_back(
                    CreateNamespace{*each.ns->name, each.ns->spec->role, each.ns->spec->sysctls});
            }
        }
        for (const auto& each : order_) {
            bring_links(*each.ns, true);
        }
        for (const auto& each : order_) {
            configure(each);
        }
        return {std::move(out_)};
    }

private:
    struct Ordered {
        const NamespaceDiff* ns;
        NeighbourChange neighbours;
    };

    /// At most this many operations create what is not there: memory for a whole lab at once, since
    /// touching it anew while the list grows costs more than the planning.
    [[nodiscard]] std::size_t creations() const {
        constexpr std::size_t kNamespaceAndNeighbours = 3;
        std::size_t count = 0;
        for (const auto& ns : all_) {
            if (ns.info == nullptr) {
                count += kNamespaceAndNeighbours + 2 * ns.spec->links.size() +
                         ns.spec->routes.size() + ns.spec->fdb.size() + ns.spec->tables.size();
            }
        }
        return count;
    }

    void remove_from(const Ordered& each) {
        const auto& ns = *each.ns;
        plan_removals(ns, out_);
        for (const auto& entry : each.neighbours.gone) {
            out_.emplace_back(DeleteNeighbour{*ns.name, entry});
        }
        // What stands on others goes first.
        for (const bool tunnels : {true, false}) {
            for (const auto* link : ns.removed) {
                if ((link->vxlan || link->vlan) == tunnels) {
                    out_.emplace_back(DeleteLink{*ns.name, link->name});
                }
            }
        }
    }

    void delete_namespaces() {
        for (const auto& [name, info] : observed_.namespaces) {
            const auto wanted = desired_.namespaces.find(name);
            if (wanted == desired_.namespaces.end() || wanted->second.role != info.role) {
                out_.emplace_back(DeleteNamespace{name});
            }
        }
    }

    void bring_links(const NamespaceDiff& ns, bool first) {
        for (std::size_t i = 0; i < ns.links.size(); ++i) {
            const auto& spec = ns.spec->links[i];
            if (comes_first(spec) != first) {
                continue;
            }
            const auto* kept = ns.links[i].kept;
            if (kept == nullptr) {
                out_.emplace_back(CreateLink{*ns.name, without_addresses(spec)});
            } else if (needs_change(ns, spec, *kept)) {
                out_.emplace_back(ChangeLink{*ns.name, without_addresses(spec)});
            }
        }
    }

    /// They are operations of their own.
    static LinkSpec without_addresses(const LinkSpec& spec) {
        LinkSpec bare = spec;
        bare.addresses.clear();
        return bare;
    }

    /// lo cannot be deleted; where it is not wanted, it is as a new namespace has it.
    void rest_loopback(const NamespaceDiff& ns) {
        const auto found = ns.info->links.find("lo");
        const bool listed = !ns.spec->links.empty() && lists_loopback(*ns.spec);
        if (listed || found == ns.info->links.end() || !found->second.up) {
            return;
        }
        LinkSpec loopback;
        loopback.name = "lo";
        loopback.index = 1;
        loopback.up = false;
        out_.emplace_back(ChangeLink{*ns.name, loopback});
    }

    static bool lists_loopback(const NamespaceSpec& spec) {
        for (const auto& link : spec.links) {
            if (link.name == "lo") {
                return true;
            }
        }
        return false;
    }

    void configure(const Ordered& each) {
        const auto& ns = *each.ns;
        if (ns.info != nullptr) {
            rest_loopback(ns);
        }
        bring_links(ns, false);
        plan_port_vlans(ns, out_);
        plan_shapers(ns, out_);
        plan_addresses(ns, out_);
        plan_wireguard(ns, out_);
        plan_routes(ns, out_);
        for (const auto& list : each.neighbours.added) {
            out_.emplace_back(AddNeighbours{*ns.name, list});
        }
        plan_fdb(ns, out_);
        plan_ipvs(ns, out_);
        plan_tables(ns, tables_, out_);
    }

    const DesiredState& desired_;
    const ObservedState& observed_;
    std::vector<NamespaceDiff> all_;
    NeighbourComparer neighbours_;
    TableChanges tables_;
    std::vector<Ordered> order_;
    std::vector<Operation> out_;
};

} // namespace

Plan make_plan(const DesiredState& desired, const ObservedState& observed) {
    return Planner(desired, observed).run();
}

} // namespace netemu
