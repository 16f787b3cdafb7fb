#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"
#include "netemu/base/address.h"

/// The names of the world, as the lab file declares them in spec.dns.upstream. Pure.
namespace labctl::compile {

/// What the lab's own upstream DNS server knows.
struct DnsUpstreamConfig {
    /// How it fails a name and all names below it.
    enum class Fault : std::uint8_t { ServFail, Refused, Timeout };

    /// A zone file of the root: an SOA record, then the lab's records, or a few built-in ones where
    /// the lab has none and does not ask the host (names of RFC 2606, addresses of RFC 5737 and RFC
    /// 3849).
    std::string zone;
    std::vector<std::pair<std::string, Fault>> faults;
    bool asks_host = false; // what it does not know it asks the host's name servers
};

/// Throws netemu::UsageError, naming the field, for what is no record. `json` may be null.
DnsUpstreamConfig read_dns_upstream(const api::Json& json);

/// Records that lead the hosts of Ingresses to their controllers' addresses, and those of
/// HTTPRoutes to their Gateways', as external-dns would publish them, in the form of `zone`;
/// without those names that `zone` has already.
std::string ingress_records(const store::Store& store, const std::string& zone);

/// The name servers of a resolv.conf(5); where it names none, that is 127.0.0.1. Port 53.
std::vector<netemu::Endpoint> nameservers_of(const std::string& resolv_conf);

} // namespace labctl::compile
