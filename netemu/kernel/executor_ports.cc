#include <array>
#include <cerrno>

#include "netemu/kernel/executor.h"
#include "netemu/kernel/port_vlan_codec.h"
#include "netemu/kernel/wireguard_codec.h"

/// The executor's operations about what links let through: networks of ports, peers of WireGuard.
namespace netemu {

namespace {

constexpr std::array kPeerGone{ENODEV, ENOENT};

} // namespace

void Executor::operator()(const SetPortVlans& operation) {
    const auto index = table_.index_of(go_to(operation.ns), operation.link);
    if (!operation.gone.empty()) {
        encode_leave_vlans(batch_, index, operation.gone);
    }
    if (!operation.added.empty()) {
        encode_join_vlans(batch_, index, operation.added);
    }
}

GenericBatch Executor::wireguard_of(const std::string& ns, std::span<const int> tolerated) {
    LiveNamespace& live = go_to(ns);
    if (!live.wireguard) {
        flush(); // the module is loaded with the first device
    }
    (void)table_.wireguard(live);
    if (wireguard_.full()) {
        flush();
    }
    wireguard_.set_origin({at_, tolerated});
    return {wireguard_, live.wireguard_family};
}

void Executor::operator()(const SetWireguard& operation) {
    const auto out = wireguard_of(operation.ns, {});
    const auto index = table_.index_of(*current_, operation.link);
    encode_wireguard_device(out, index, table_.keys().private_of(operation.key), operation.port);
}

void Executor::operator()(const SetWireguardPeer& operation) {
    const auto out = wireguard_of(operation.ns, {});
    encode_wireguard_peer(out, table_.index_of(*current_, operation.link), operation.peer);
}

void Executor::operator()(const RemoveWireguardPeer& operation) {
    const auto out = wireguard_of(operation.ns, kPeerGone);
    if (const auto index = table_.find_index(*current_, operation.link)) {
        encode_remove_wireguard_peer(out, *index, operation.key);
    }
}

} // namespace netemu
