#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "netemu/kernel/executor.h"
#include "netemu/kernel/port_vlan_codec.h"
#include "netemu/kernel/wireguard_codec.h"

/// The executor's operations about what links let through: networks of ports, peers of WireGuard.
namespace netemu {

namespace {

constexpr std::array kPeerGone{ENODEV, ENOENT};
constexpr std::uint16_t kKeepaliveSeconds = 25; // what wg(8) proposes

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
    peers_.push_back({operation.ns, operation.link, operation.peer.key});
}

void Executor::open_sessions() {
    constexpr auto kPatience = std::chrono::seconds(1);
    constexpr auto kPause = std::chrono::milliseconds(1);
    std::erase_if(peers_, [this](const Peer& each) { return !table_.contains(each.ns); });
    std::vector<const Peer*> devices; // one peer of each
    WireguardKey own;
    for (const Peer& each : peers_) {
        const auto index = table_.index_of(go_to(each.ns), each.link);
        if (devices.empty() || devices.back()->ns != each.ns || devices.back()->link != each.link) {
            NetlinkSocket& socket = table_.wireguard(*current_);
            own = read_wireguard(socket, current_->wireguard_family, index).key;
            devices.push_back(&each);
        }
        if (each.key < own) {
            const auto out = wireguard_of(each.ns, kPeerGone);
            encode_wireguard_keepalive(out, index, each.key, kKeepaliveSeconds);
        }
    }
    flush();
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (const Peer* each : devices) {
        const auto index = table_.index_of(go_to(each->ns), each->link);
        NetlinkSocket& socket = table_.wireguard(*current_);
        while (sessions_missing(socket, current_->wireguard_family, index) > 0) {
            if (std::chrono::steady_clock::now() >= deadline) {
                return;
            }
            std::this_thread::sleep_for(kPause);
        }
    }
}

void Executor::operator()(const RemoveWireguardPeer& operation) {
    const auto out = wireguard_of(operation.ns, kPeerGone);
    if (const auto index = table_.find_index(*current_, operation.link)) {
        encode_remove_wireguard_peer(out, *index, operation.key);
    }
}

} // namespace netemu
