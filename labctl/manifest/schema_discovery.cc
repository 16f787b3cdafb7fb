#include "labctl/manifest/schema_table.h"

/// discovery.k8s.io/v1.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 3> kAddressTypes{"FQDN", "IPv4", "IPv6"};

constexpr Table kEndpointConditions{
    flag("ready"), flag("serving"), flag("terminating"),
};

constexpr Table kForZone{
    text("name").required(),
};

constexpr Table kForNode{
    text("name").required(),
};

constexpr Table kEndpointHints{
    object("forZones", kForZone).list(), object("forNodes", kForNode).list(),
};

constexpr Table kEndpoint{
    text("addresses").list().required(), object("conditions", kEndpointConditions),
    text("hostname").is(dns_label), object("targetRef", kObjectReference),
    text("deprecatedTopology").map(), text("nodeName").is(dns_subdomain), text("zone"),
    object("hints", kEndpointHints),
};

constexpr Table kSlicePort{
    Code{default_endpoint_slice_port, nullptr},
    text("name").is(dns_label), text("protocol").otherwise("TCP").one_of(kProtocols), port("port"),
    text("appProtocol").is(qualified_name),
};

constexpr Table kEndpointSliceTable{
    Code{nullptr, check_endpoint_slice},
    kApiVersion, kKind, object("metadata", kObjectMeta),
    text("addressType").required().one_of(kAddressTypes), object("endpoints", kEndpoint).list(),
    object("ports", kSlicePort).list(),
};

} // namespace

constinit const Struct kEndpointSlice{kEndpointSliceTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
