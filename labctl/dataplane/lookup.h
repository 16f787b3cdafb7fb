#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dns/resolv_conf.h"
#include "labctl/probe/probe.h"
#include "netemu/base/address.h"

namespace labctl::dataplane {

inline constexpr std::uint16_t kDnsPort = 53;

/// A name that is to be asked for, as one pod's resolver would do it (resolv.conf(5)).
struct Lookup {
    std::string name;                      // with a final dot the search list is not used
    std::vector<std::string> types;        // asked for at once: "A", "AAAA", ...
    bool tcp = false;                      // over TCP from the start
    bool trace = false;                    // tell of every query
    dns::ResolvConf conf;                  // its nameservers are `servers`
    std::vector<netemu::Endpoint> servers; // at least 1, at most dns::kNameserversMax

    /// Takes the nameservers of `conf` that are addresses. False if there is none.
    bool use_nameservers_of(dns::ResolvConf from);
};

/// One query of a look-up and what came of it.
struct DnsStep {
    std::string name; // with the final dot
    std::string type;
    std::string server; // "ADDRESS:PORT"
    bool tcp = false;
    std::uint16_t id = 0;
    std::string rcode; // or "truncated", "timeout", "unreachable"
    std::uint64_t rtt_us = 0;
    std::vector<probe::DnsAnswer> answers;
};

/// The look-up as bytes for the child: the payload of its template.
std::string encode_lookup(const Lookup& lookup);
/// Throws netemu::Error on bytes that are no look-up.
Lookup decode_lookup(std::string_view bytes);

} // namespace labctl::dataplane
