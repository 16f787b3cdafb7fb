#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "netemu/base/address.h"
#include "services/service.h"

/// What the kernel says of the clients that it remembers for the modes iptables and ipvs, read from
/// its text. Pure: whoever asks the kernel hands in what it printed.
namespace services {

/// A client in a list of iptables' match `recent` (KUBE-SEP-...: those of one endpoint).
struct RecentClient {
    IpAddress address;
    std::uint64_t last_seen = 0; // when it began its last connection, in jiffies
    bool operator==(const RecentClient&) const = default;
};

/// Reads /proc/net/xt_recent/LIST. Throws netemu::Error at a line that is none of such a list.
/// Source: net/netfilter/xt_recent.c, recent_seq_show.
[[nodiscard]] std::vector<RecentClient> parse_recent_list(std::string_view text);

/// A moment of the kernel's clock of ticks.
struct KernelTicks {
    std::uint64_t jiffies = 0;
    std::uint32_t per_second = 0; // HZ
};

/// How many whole seconds of `seconds` are left of what began at `since`; never more than
/// `seconds`, and below 0 if the time is over.
[[nodiscard]] std::int64_t
seconds_left(std::uint64_t since, std::uint32_t seconds, const KernelTicks& now);

/// A persistence template of IPVS: where connections of a client to a virtual server go.
struct IpvsTemplate {
    Protocol protocol = Protocol::Tcp;
    IpAddress client;
    netemu::Endpoint virtual_server;
    netemu::Endpoint real_server;
    std::uint32_t seconds_left = 0;
    bool operator==(const IpvsTemplate&) const = default;
};

/// The templates among what /proc/net/ip_vs_conn lists: entries of clients without a port. Other
/// entries are left out. Throws netemu::Error at a line that is no entry. Source:
/// net/netfilter/ipvs/ip_vs_conn.c, ip_vs_conn_seq_show; ip_vs_core.c, ip_vs_sched_persist.
[[nodiscard]] std::vector<IpvsTemplate> parse_ipvs_templates(std::string_view text);

} // namespace services
