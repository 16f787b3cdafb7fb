#pragma once

#include <cstddef>

#include "netemu/model/nft.h"

namespace netemu::test {

/// How the tables of a service proxy may be laid out.
enum class ServiceLayout {
    Readable, // a chain per service and per endpoint, an anonymous map per service
    Named,    // the same with a named map per service
    Flat,     // one map with all endpoints, one rule for each number of endpoints
};

/// Table ip kube-proxy with TCP services 10.96.x.y:80 of `endpoints` endpoints 10.244.x.y:8080
/// each, one part for each service; as section 8.1 of the reference has it, without node ports.
NftTable service_table(ServiceLayout layout, std::size_t services, std::size_t endpoints);

/// The same table, in which one service has lost its last endpoint.
NftTable with_endpoint_gone(
    const NftTable& table, ServiceLayout layout, std::size_t service, std::size_t endpoints);

/// The part of one service.
NftPartPtr service_part(ServiceLayout layout, std::size_t service, std::size_t endpoints);

} // namespace netemu::test
