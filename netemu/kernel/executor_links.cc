#include <array>
#include <cerrno>
#include <variant>

#include "netemu/kernel/executor.h"
#include "netemu/kernel/link_codec.h"
#include "netemu/kernel/link_ipip.h"
#include "netemu/kernel/link_offload.h"
#include "netemu/kernel/link_tun.h"
#include "netemu/kernel/qdisc_codec.h"
#include "netemu/model/cable.h"

/// The executor's operations about links.
namespace netemu {

namespace {

constexpr std::uint32_t kDoomedGroup = 0x6E657445; // links that are about to be deleted together
constexpr std::array kNoIpv6{EAFNOSUPPORT};

} // namespace

void Executor::operator()(const CreateLink& operation) {
    const LinkSpec& link = operation.link;
    LiveNamespace& ns = go_to(operation.ns);
    if (tun_of(link.kind)) {
        create_tun(ns, link);
    }
    if (codec_for(link.kind) == nullptr) {
        configure(ns, link);
        remember_tap(operation.ns, link);
        return;
    }
    if (std::holds_alternative<IpipSpec>(link.kind)) {
        put_fallback_aside(ns, link.name);
    }
    LinkContext context;
    if (!link.master.empty()) {
        context.master_index = table_.index_of(ns, link.master);
    }
    if (const auto* vxlan = std::get_if<VxlanSpec>(&link.kind)) {
        context.underlay_index = table_.index_of(ns, vxlan->underlay);
    }
    if (const auto* vlan = std::get_if<VlanSpec>(&link.kind)) {
        context.underlay_index = table_.index_of(ns, vlan->parent);
    }
    if (const auto* veth = std::get_if<VethSpec>(&link.kind)) {
        LiveNamespace& peer = table_.at(veth->peer_namespace);
        context.peer_namespace_fd = peer.fd.get();
        peer.link_indices.insert_or_assign(veth->peer_name, veth->peer_index);
    }
    encode_create_link(batch_, link, context);
    ns.link_indices.insert_or_assign(link.name, link.index);
    remember_carrier(operation.ns, link);
    if (spares_gro(link.kind)) {
        tunnels_.push_back({operation.ns, link.name});
    }
    if (batch_.full()) {
        flush();
    }
}

/// Whatever else stood in its place is gone by now.
void Executor::put_fallback_aside(LiveNamespace& ns, const std::string& name) {
    flush();
    ns.link_indices.erase(name);
    if (const auto index = table_.find_index(ns, name)) {
        encode_rename_link(batch_, *index, kAsideIpip);
        ns.link_indices.erase(name);
    }
}

void Executor::create_tun(LiveNamespace& ns, const LinkSpec& link) {
    flush(); // whatever stood in its place is gone by then
    scope_.enter(ns.fd.get());
    ns.tuns.insert_or_assign(link.name, LiveTun{open_tun(link)});
    ns.link_indices.insert_or_assign(link.name, link.index);
}

void Executor::remember_tap(const std::string& ns, const LinkSpec& link) {
    const auto* tap = std::get_if<TapSpec>(&link.kind);
    auto& tuns = table_.at(ns).tuns;
    const auto own = tuns.find(link.name);
    if (tap == nullptr || own == tuns.end()) {
        return;
    }
    own->second.up = link.up;
    taps_.push_back({ns, link.name, *tap});
    if (link.up && !link.master.empty()) {
        ports_.push_back({ns, link.index});
    }
}

/// When all of them are there and up as they are to be: what one end is, the other sees.
void Executor::join_taps() {
    for (const auto& [ns, name, tap] : taps_) {
        const auto* here = table_.find(ns);
        const auto* there = table_.find(tap.peer_namespace);
        if (here == nullptr || there == nullptr) {
            continue; // deleted by the same plan
        }
        const auto own = here->tuns.find(name);
        const auto peer = there->tuns.find(tap.peer_name);
        if (own != here->tuns.end() && peer != there->tuns.end()) {
            set_tun_carrier(own->second.fd, name, peer->second.up);
            set_tun_carrier(peer->second.fd, tap.peer_name, own->second.up);
        }
    }
}

void Executor::tune_tunnels() {
    for (const auto& [ns, link] : tunnels_) {
        if (table_.contains(ns)) { // else deleted by the same plan
            turn_gro_off(table_.route(table_.at(ns)), link);
        }
    }
}

void Executor::configure(LiveNamespace& ns, const LinkSpec& link) {
    const std::uint32_t index = table_.index_of(ns, link.name);
    LinkContext context;
    if (!link.master.empty()) {
        context.master_index = table_.index_of(ns, link.master);
    }
    if (!std::holds_alternative<LoopbackSpec>(link.kind)) {
        batch_.set_origin({at_, kNoIpv6});
        encode_no_link_local(batch_, index); // before it comes up
        batch_.set_origin({at_, {}});
    }
    encode_change_link(batch_, index, link, context);
}

void Executor::operator()(const ChangeLink& operation) {
    LiveNamespace& ns = go_to(operation.ns);
    LinkContext context;
    if (!operation.link.master.empty()) {
        context.master_index = table_.index_of(ns, operation.link.master);
    }
    encode_change_link(batch_, table_.index_of(ns, operation.link.name), operation.link, context);
    remember_carrier(operation.ns, operation.link);
    remember_tap(operation.ns, operation.link);
}

void Executor::remember_carrier(const std::string& ns, const LinkSpec& link) {
    if (!link.up) {
        return;
    }
    if (std::holds_alternative<VethSpec>(link.kind)) {
        ports_.push_back({ns, link.index});
    } else if (std::holds_alternative<BridgeSpec>(link.kind)) {
        bridges_.push_back({ns, link.index});
    }
}

void Executor::operator()(const DeleteLink& operation) {
    tolerate_absence();
    if (const auto index = index_if_there(operation.ns, operation.name)) {
        encode_delete_link(batch_, *index);
        current_->link_indices.erase(operation.name);
        current_->tuns.erase(operation.name);
    }
}

std::size_t Executor::delete_links(std::size_t first) {
    const auto& ns = namespace_of(plan_.operations[first]);
    std::size_t end = first;
    const auto belongs = [&](const Operation& operation) {
        return std::holds_alternative<DeleteLink>(operation) && namespace_of(operation) == ns;
    };
    while (end < plan_.operations.size() && belongs(plan_.operations[end])) {
        ++end;
    }
    if (end - first == 1) {
        (*this)(std::get<DeleteLink>(plan_.operations[first]));
        return end;
    }
    LiveNamespace& live = go_to(ns);
    for (at_ = first; at_ < end; ++at_) {
        tolerate_absence();
        const auto& name = std::get<DeleteLink>(plan_.operations[at_]).name;
        if (const auto index = table_.find_index(live, name)) {
            encode_set_link_group(batch_, *index, kDoomedGroup);
            live.link_indices.erase(name);
            live.tuns.erase(name);
        }
    }
    at_ = first;
    tolerate_absence();
    encode_delete_link_group(batch_, kDoomedGroup);
    return end;
}

void Executor::operator()(const SetShaper& operation) {
    LiveNamespace& ns = go_to(operation.ns);
    if (operation.shaper == Shaper::None) {
        tolerate_absence();
    }
    encode_set_shaper(
        batch_,
        {table_.index_of(ns, operation.link),
         operation.shaper,
         operation.impairment,
         operation.mtu});
    ns.shaped = true;
}

} // namespace netemu
