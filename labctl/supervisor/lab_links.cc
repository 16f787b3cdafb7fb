#include <variant>

#include "labctl/supervisor/lab.h"
#include "netemu/kernel/netem.h"
#include "netemu/model/impairment.h"

/// The links of the underlay, and what this kernel can do to them.
namespace labctl::supervisor {

bool Lab::has_netem() const {
    if (!has_netem_) {
        has_netem_ = netemu::has_netem();
    }
    return *has_netem_;
}

api::Json Lab::links() const {
    const auto desired = desired_state();
    auto items = api::Json::array();
    const auto end_json = [](const std::string& ns, const netemu::LinkSpec& link) {
        return api::Json{
            {"place", ns},
            {"interface", link.name},
            {"up", link.up},
            {"impairment", netemu::to_text(link.impairment)}};
    };
    for (const auto& [name, ns] : desired.namespaces) {
        for (const auto& link : ns.links) {
            const auto* veth = std::get_if<netemu::VethSpec>(&link.kind);
            if (veth == nullptr || veth->peer_namespace.starts_with("pod/")) {
                continue;
            }
            for (const auto& far : desired.namespaces.at(veth->peer_namespace).links) {
                if (far.name == veth->peer_name) {
                    items.push_back(
                        {{"a", end_json(name, link)},
                         {"b", end_json(veth->peer_namespace, far)},
                         {"mtu", link.mtu}});
                }
            }
        }
    }
    return {{"kind", "LinkList"}, {"apiVersion", "labctl.dev/v1"}, {"items", std::move(items)}};
}

} // namespace labctl::supervisor
