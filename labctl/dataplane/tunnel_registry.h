#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "labctl/dataplane/channel.h"
#include "labctl/dataplane/client.h"
#include "labctl/dataplane/tunnel_counters.h"
#include "labctl/dataplane/wire.h"
#include "services/identity_network.h"

namespace labctl::dataplane {

/// Sockets of a node that Geneve's tunnels send by (Sleeve's send by the one that they receive by,
/// from its port): each gives its flows another port, and who spreads load
/// by ports has so many to tell apart (RFC 8926, section 3.3).
inline constexpr std::size_t kTunnelSenders = 8;

/// The supervisor's record of the tunnels: their TUN devices, their sockets, and what they go by.
/// It keeps all of it, so that a new child can take over, and their counters, which a new child
/// would begin anew.
class TunnelRegistry {
public:
    TunnelRegistry(SocketFactory open_socket, TunFactory open_tun)
        : open_socket_(std::move(open_socket)), open_tun_(std::move(open_tun)) {}

    /// The channel to the child that runs now, or nullptr. A new child is told everything.
    void set_channel(Channel* channel);

    /// What tunnels go by from now on; a tunnel begins with `serve`.
    void change(services::IdentityNetwork network);
    /// Opens what is missing of the tunnels of the network's nodes, and closes all others. Throws
    /// netemu::Error if something cannot be opened.
    void serve();

    /// Take the fields of a record of the child.
    void counters_arrived(WireReader& record);
    void drops_arrived(
        WireReader& record, const std::function<void(std::vector<TunnelDropped>)>& callback);

    /// By node.
    [[nodiscard]] const std::map<std::string, TunnelCounters>& counters() const {
        return counters_;
    }

private:
    struct Tunnel {
        std::uint32_t id = 0;
        netemu::UniqueFd tun;
        netemu::UniqueFd socket;
        std::vector<netemu::UniqueFd> senders;
        TunnelCounters before; // of children that are gone
    };

    [[nodiscard]] Tunnel open(const services::IdentityNode& node) const;
    [[nodiscard]] std::uint32_t id_of(const std::string& node) const;
    [[nodiscard]] const std::string* node_of(std::uint32_t id) const;
    void announce(const Tunnel& tunnel) const;
    void send_tables() const;
    void send_nodes() const;
    void send_maps_and_endpoints() const;

    SocketFactory open_socket_;
    TunFactory open_tun_;
    Channel* channel_ = nullptr;
    services::IdentityNetwork network_;
    bool changed_ = false;                  // there is a network at all
    std::map<std::string, Tunnel> tunnels_; // by node
    std::map<std::string, std::uint32_t> ids_;
    std::map<std::string, TunnelCounters> counters_;
    std::uint32_t next_id_ = 1;
};

} // namespace labctl::dataplane
