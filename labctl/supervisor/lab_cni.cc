#include <algorithm>
#include <filesystem>

#include "labctl/cni/conflist.h"
#include "labctl/compile/cni_bridge.h"
#include "labctl/compile/conflist_profile.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"
#include "labctl/compile/pod_status.h"
#include "labctl/compile/runtime_state.h"
#include "labctl/supervisor/cni_runtime.h"
#include "labctl/supervisor/lab.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"
#include "netemu/model/plan.h"

/// Pods that the plugins of a network configuration list wire: spec.cni.conflist.
namespace labctl::supervisor {

using api::at;
using api::Json;
using api::string_at;

namespace {

constexpr const char* kDebianPlugins = "/usr/lib/cni";
constexpr const char* kConflistText = "labctl.dev/cni-conflist";        // annotation of the Lab
constexpr const char* kAddressBefore = "labctl.dev/cni-address-before"; // annotation of a Pod
constexpr auto kRemovalMax = std::chrono::seconds(30);

std::string absolute_in(const std::string& directory, const std::string& path) {
    return path.empty() || path.front() == '/' ? path : directory + "/" + path;
}

/// Links of a node or pod that are ours: of what is wanted now or was last known to be there.
bool is_ours(
    const std::string& link,
    const netemu::NamespaceSpec* wanted,
    const netemu::NamespaceInfo* known) {
    const bool listed =
        wanted != nullptr &&
        std::ranges::any_of(wanted->links, [&](const auto& each) { return each.name == link; });
    return listed || (known != nullptr && known->links.contains(link));
}

bool has_table(
    const netemu::NftTableInfo& table,
    const netemu::NamespaceSpec* wanted,
    const netemu::NamespaceInfo* known) {
    const auto same = [&](const auto& each) {
        return each.family == table.family && each.name == table.name;
    };
    return (wanted != nullptr && std::ranges::any_of(wanted->tables, same)) ||
           (known != nullptr && std::ranges::any_of(known->tables, same));
}

/// Link-local addresses that the kernel gives to each link of a node with plugins, ours as well.
void forget_link_local(
    const std::string& name, const netemu::NamespaceSpec* wanted, netemu::LinkInfo& link) {
    static const auto kLinkLocal = *netemu::IpPrefix::parse("fe80::/10");
    std::erase_if(link.addresses, [&](const netemu::IpPrefix& address) {
        const auto ours = [&](const netemu::LinkSpec& each) {
            return each.name == name && std::ranges::count(each.addresses, address) > 0;
        };
        return kLinkLocal.contains(address.address) &&
               (wanted == nullptr || std::ranges::none_of(wanted->links, ours));
    });
}

} // namespace

/// Before anything is made: what the host lacks is said while nothing has changed.
void Lab::prepare_cni(const api::Object& lab) {
    const auto& spec = at(lab.body, "spec.cni");
    if (at(spec, "conflist").is_null()) {
        return;
    }
    const auto annotations = lab.annotations();
    const auto text = annotations.find(kConflistText);
    const auto json = Json::parse(text == annotations.end() ? "" : text->second, nullptr, false);
    if (!json.is_object()) {
        throw netemu::UsageError("spec.cni.conflist: its text has not come with the lab");
    }
    const auto directory = annotations.contains("labctl.dev/directory")
                               ? annotations.at("labctl.dev/directory")
                               : std::string(".");
    auto bin_dir = string_at(spec, "binDir", kDebianPlugins);
    bin_dir = absolute_in(directory, bin_dir);
    auto list = cni::read_conflist(json);
    CniRuntime::require_plugins(list, bin_dir);
    const auto base = string_at(spec, "dataDir");
    const auto data_dir =
        base.empty() ? paths_.state_dir + "/cni" : absolute_in(directory, base) + "/" + paths_.name;
    make_directories(data_dir);
    std::vector<std::string> nodes;
    for (const auto& node : compile::ClusterConfig::from_lab(lab).nodes) {
        nodes.push_back(node.name);
        make_directories(data_dir + "/" + node.name);
    }
    cni_ = std::make_unique<CniRuntime>(CniRuntime::Parts{
        loop_,
        store_,
        *kernel_,
        *cni_calls_,
        std::move(list),
        bin_dir,
        data_dir,
        "/proc/1/fd/", // we are process 1 of the lab, and plugins see the lab's processes
        std::move(nodes),
        CniAttachments(CniAttachments::directory_of(paths_.state_dir)),
        [this](const auto& pod, const auto& uid, const auto& result) {
            cni_added(pod, uid, result);
        },
        [this](const auto& pod, const auto& uid, const auto& why) { cni_failed(pod, uid, why); },
        [this](const std::string& name, const std::string& why) {
            if (const auto node = store_.get({"Node", "", name})) {
                cluster_->warn("kubelet", *node, "FailedKillPodSandBox", why);
            }
        }});
    cni_->recover();
    take_back_addresses();
}

void take_off_plugin_addresses(store::Store& store) {
    const auto labs = store.list("Lab");
    if (labs.empty() || at(labs.front()->body, "spec.cni.conflist").is_null()) {
        return;
    }
    for (const auto& pod : store.list("Pod")) {
        std::vector<std::string> addresses;
        for (const auto& entry : at(pod->body, "status.podIPs")) {
            addresses.push_back(string_at(entry, "ip"));
        }
        if (addresses.empty() || api::bool_at(pod->body, "spec.hostNetwork", false)) {
            continue;
        }
        auto copy = *pod;
        copy.body["metadata"]["annotations"][kAddressBefore] = netemu::join(addresses, ",");
        copy.body["status"].erase("podIP");
        copy.body["status"].erase("podIPs");
        store.put(std::move(copy));
    }
}

/// The plugins give addresses anew; those that a pod had are asked for.
void Lab::take_back_addresses() {
    for (const auto& pod : store_.list("Pod")) {
        const auto annotations = pod->annotations();
        if (const auto found = annotations.find(kAddressBefore); found != annotations.end()) {
            std::vector<std::string> addresses;
            for (const auto part : netemu::split(found->second, ',')) {
                addresses.emplace_back(part);
            }
            cni_->prefer(pod->uid(), std::move(addresses));
        }
    }
}

/// Many pods get their addresses in one round of the loop: the network follows once.
void Lab::cni_added(const api::ObjectKey& key, const std::string& uid, const cni::Result& result) {
    const auto pod = store_.get(key);
    if (!pod || pod->uid() != uid) {
        return; // it is gone, and DEL will follow
    }
    auto copy = *pod;
    auto& status = copy.body["status"];
    status["podIPs"] = Json::array();
    for (const auto& each : cni::container_addresses(result)) {
        const auto text = each.address.address.to_string();
        const bool first = status["podIPs"].empty();
        if (first) {
            status["podIP"] = text;
        }
        status["podIPs"].push_back({{"ip", text}});
    }
    const auto node = string_at(copy.body, "spec.nodeName");
    note_plugin_bridge(node, result);
    store_.put(std::move(copy));
    (void)cluster_->set_runtime(key, {});
    warn_of_address(*store_.get(key), node);
    if (!std::exchange(cni_sync_pending_, true)) {
        loop_.after(std::chrono::microseconds(0), [this] {
            cni_sync_pending_ = false;
            sync_by_itself();
            check_settled();
        });
    }
}

/// The other nodes send to a node what is in its range.
void Lab::warn_of_address(const api::Object& pod, const std::string& node) {
    const auto object = store_.get({"Node", "", node});
    if (!object) {
        return;
    }
    for (const auto& entry : at(pod.body, "status.podIPs")) {
        const auto address = netemu::IpAddress::parse(string_at(entry, "ip"));
        const auto& ranges = at(object->body, "spec.podCIDRs");
        const bool inside = std::any_of(ranges.begin(), ranges.end(), [&](const Json& range) {
            const auto prefix = netemu::IpPrefix::parse(range.get<std::string>());
            return prefix && address && prefix->contains(*address);
        });
        if (!inside) {
            cluster_->warn(
                "cni",
                pod,
                "AddressOutsideOfNodeRange",
                "the plugins gave it " + string_at(entry, "ip") +
                    ", which is not in the range of " + node + ": other nodes have no route to it");
        }
    }
}

void Lab::cni_failed(const api::ObjectKey& key, const std::string& uid, const std::string& why) {
    const auto pod = store_.get(key);
    if (!pod || pod->uid() != uid) {
        return;
    }
    const auto text = "Failed to create pod sandbox: " + why;
    cluster_->warn("kubelet", *pod, compile::kNoSandbox, text);
    compile::RuntimeState state;
    state.reason = compile::kNoSandbox;
    state.message = text;
    runtime_changed(key, state);
}

/// A bridge of a plugin's: where bridged packets are not shown to the rules, they are handed to the
/// node, or Services and policies would not hold between its pods.
void Lab::note_plugin_bridge(const std::string& node, const cni::Result& result) {
    if (cluster_->config().bridge_netfilter || result.interfaces.empty()) {
        return;
    }
    const auto& first = result.interfaces.front();
    const auto mac = netemu::MacAddress::parse(first.mac);
    const auto ns = compile::node_namespace(node);
    const auto known = plugin_bridges_.find(ns);
    if (!first.sandbox.empty() || !mac ||
        (known != plugin_bridges_.end() && known->second == *mac)) {
        return;
    }
    const auto info = kernel_->observe_namespace(ns);
    const auto link = info.links.find(first.name);
    if (link != info.links.end() && link->second.kind == "bridge") {
        plugin_bridges_.insert_or_assign(ns, link->second.mac);
        network_dirty_ = true;
    }
}

void Lab::add_plugin_bridges(netemu::DesiredState& desired) const {
    for (const auto& [ns, mac] : plugin_bridges_) {
        desired.namespaces.at(ns).tables.push_back(compile::make_bridge_to_node(mac));
    }
}

/// Of what is there, the part that is not the plugins'.
void Lab::forget_plugins(netemu::ObservedState& observed) const {
    if (!cni_) {
        return;
    }
    const auto desired = desired_state();
    for (auto& [name, info] : observed.namespaces) {
        if (info.role != netemu::NamespaceRole::Node && info.role != netemu::NamespaceRole::Pod) {
            continue;
        }
        const auto spec = desired.namespaces.find(name);
        const auto last = observed_.namespaces.find(name);
        const auto* wanted = spec == desired.namespaces.end() ? nullptr : &spec->second;
        const auto* known = last == observed_.namespaces.end() ? nullptr : &last->second;
        const auto foreign = [&](const std::string& link) {
            return link != "lo" && !is_ours(link, wanted, known);
        };
        std::erase_if(info.links, [&](const auto& each) { return foreign(each.first); });
        for (auto& [link, each] : info.links) {
            forget_link_local(link, wanted, each);
        }
        std::erase_if(info.routes, [&](const auto& each) { return foreign(each.link); });
        std::erase_if(info.neighbours, [&](const auto& each) { return foreign(each.link); });
        std::erase_if(
            info.tables, [&](const auto& each) { return !has_table(each, wanted, known); });
    }
}

void Lab::follow_cni() {
    if (cni_) {
        cni_->follow();
    }
}

void Lab::end_cni(std::function<void()> done) {
    if (!cni_) {
        done();
        return;
    }
    cni_->remove_all(netemu::Clock::now() + kRemovalMax, [this, done = std::move(done)] {
        std::error_code ignored;
        std::filesystem::remove_all(cni_->data_dir(), ignored);
        done();
    });
}

std::size_t Lab::cni_starting() const {
    return cni_ ? cni_->starting() + (cni_sync_pending_ ? 1 : 0) : 0;
}

} // namespace labctl::supervisor
