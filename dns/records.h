#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dns/name.h"
#include "netemu/base/address.h"

/// What the cluster's zone is made of: plain values in, records as they go over the wire out.
namespace dns {

enum class Protocol : std::uint8_t { Tcp, Udp, Sctp };

struct PortValue {
    std::string name; // empty: unnamed
    std::uint16_t number = 0;
    Protocol protocol = Protocol::Tcp;
};

struct EndpointValue {
    netemu::IpAddress address;
    /// The endpoint's hostname; empty: a label is made of the address.
    std::string hostname;
    /// The slice's `ready`, publishNotReadyAddresses included; others have no records.
    bool ready = true;
};

/// One EndpointSlice, or a part of one: endpoints that share a list of ports.
struct SliceValue {
    std::vector<PortValue> ports;
    std::vector<EndpointValue> endpoints;
};

enum class ServiceKind : std::uint8_t { ClusterIp, Headless, ExternalName };

struct ServiceValue {
    std::string ns;
    std::string name;
    ServiceKind kind = ServiceKind::ClusterIp;
    std::vector<netemu::IpAddress> cluster_ips;
    std::vector<PortValue> ports;
    std::vector<SliceValue> slices;
    std::string external_name; // with ExternalName
};

/// The label of an endpoint without a hostname: dots and colons become dashes, a trailing dash gets
/// a zero (coredns plugin/kubernetes endpointHostname).
std::string address_label(const netemu::IpAddress& address);

/// The records of one Service. A change makes all of them anew. Addresses are ready to be copied
/// into an answer whose question is the owner.
struct ServiceRecords {
    struct Port {
        std::string name; // lower case
        std::uint16_t number = 0;
        Protocol protocol = Protocol::Tcp;
        std::uint16_t slice = kOwn;
    };
    struct EndpointRecord {
        netemu::IpAddress address;
        std::uint8_t label_size = 0;
        std::uint16_t slice = 0;
        std::uint32_t label_at = 0; // into `labels`
    };
    static constexpr std::uint16_t kOwn = 0xffff; // a port of the Service itself

    /// All that most answers need, side by side in memory: the wire name "svc.ns.svc.zone." in
    /// lower case, the A records of the Service's name, its AAAA records, and with ExternalName the
    /// wire name that it stands for.
    std::string wire;
    std::uint16_t key_size = 0; // of the name's two first labels, which are the key
    std::uint16_t suffix_size = 0;
    std::uint32_t a_size = 0;
    std::uint32_t aaaa_size = 0;
    ServiceKind kind = ServiceKind::ClusterIp;
    std::vector<netemu::IpAddress> cluster_ips;
    std::vector<Port> ports;
    std::vector<EndpointRecord> endpoints; // the ready ones, by label, address and slice
    std::string labels;

    [[nodiscard]] std::string_view key() const { return {wire.data(), key_size}; }
    [[nodiscard]] std::string_view suffix() const { return {wire.data(), suffix_size}; }
    [[nodiscard]] std::string_view a() const { return {wire.data() + suffix_size, a_size}; }
    [[nodiscard]] std::string_view aaaa() const {
        return {wire.data() + suffix_size + a_size, aaaa_size};
    }
    /// Empty but with ExternalName.
    [[nodiscard]] std::string_view external() const {
        return std::string_view(wire).substr(std::size_t{suffix_size} + a_size + aaaa_size);
    }
    [[nodiscard]] std::string_view label(const EndpointRecord& endpoint) const {
        return std::string_view(labels).substr(endpoint.label_at, endpoint.label_size);
    }
    /// The endpoints with this label, as indices [first, second).
    [[nodiscard]] std::pair<std::size_t, std::size_t>
    endpoints_named(std::string_view wanted) const;
    [[nodiscard]] std::size_t memory_bytes() const;
};

inline constexpr std::size_t kARecordBytes = 16;    // pointer, type, class, ttl, length, 4 bytes
inline constexpr std::size_t kAaaaRecordBytes = 28; // the same with 16

/// Null when a name is no DNS name at all, or an external name looks like an address (coredns drops
/// those). `zone` is the cluster's domain in lower case.
std::unique_ptr<ServiceRecords>
make_service_records(const ServiceValue& service, const Name& zone, std::uint32_t ttl);

/// Appends an A or AAAA record of the question's name.
void append_address_record(std::string& out, const netemu::IpAddress& address, std::uint32_t ttl);

} // namespace dns
