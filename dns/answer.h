#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dns/query.h"
#include "dns/zone.h"
#include "netemu/base/address.h"

namespace dns {

/// What became of a query in the cluster's zone.
struct ClusterAnswer {
    enum class State : std::uint8_t {
        Answered,    // `size` bytes are in the buffer
        Elsewhere,   // the name is in no zone of ours
        FallThrough, // it does not exist, and such names are somebody else's
        Target,      // it is an ExternalName; the CNAME's target has to be asked for as well
    };
    State state = State::Elsewhere;
    std::size_t size = 0;
    Rcode rcode = Rcode::NoError;
    const ServiceRecords* service = nullptr; // with Target; valid until the zone changes
};

/// Answers `query` from `zone` into `buffer`, at most `limit` bytes, without allocating. Rows of
/// dns-spec 1.1.0 and of coredns plugin/kubernetes; SOA in every negative answer (RFC 2308); HINFO
/// for ANY (RFC 8482); REFUSED for transfers. Class IN only: the caller has looked.
ClusterAnswer answer_cluster(
    const ClusterZone& zone,
    const QueryView& query,
    std::span<std::uint8_t> buffer,
    std::size_t limit);

/// The address that a name under in-addr.arpa or ip6.arpa stands for (RFC 1035 section 3.5, RFC
/// 3596 section 2.5); nullopt if it is not a whole one.
std::optional<netemu::IpAddress> reverse_address(const QueryView& query);

/// "a-b-c-d" or an IPv6 address with dashes, as in pod names.
std::optional<netemu::IpAddress> parse_address_label(std::string_view label);

} // namespace dns
