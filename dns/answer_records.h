#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dns/query.h"
#include "dns/records.h"
#include "dns/writer.h"
#include "dns/zone.h"

namespace dns {

/// Which ports of a Service a name of the form _port._proto means. An empty word matches all, and
/// underscores do not count (coredns plugin/kubernetes matchPortAndProtocol).
class PortFilter {
public:
    PortFilter() = default; // all ports
    PortFilter(std::string_view port, std::string_view protocol);

    [[nodiscard]] bool is_all() const { return port_.empty() && protocol_.empty(); }
    [[nodiscard]] bool matches(const ServiceRecords::Port& port) const;
    /// Whether a port of the Service matches: of the endpoints if it is headless, else its own.
    [[nodiscard]] bool matches_any(const ServiceRecords& service) const;

private:
    std::string_view port_;
    std::string_view protocol_;
};

/// The records of a cluster, written into an answer. Each member returns whether there was a record
/// of the type that is asked for; what does not fit sets TC.
class RecordWriter {
public:
    enum class Section : std::uint8_t { Answer, Authority };

    RecordWriter(
        const ClusterZone& zone,
        const QueryView& query,
        std::span<std::uint8_t> buffer,
        std::size_t limit);

    [[nodiscard]] const QueryView& query() const { return query_; }
    /// SOA of `origin` (coredns plugin.SOA): also what every negative answer carries.
    void soa(const ClusterZone::Origin& origin, Section section);
    bool name_server(const ClusterZone::Origin& origin);
    bool version(); // dns-spec 1.1.0 section 2.2
    void any();     // RFC 8482 section 4.2
    bool address(const netemu::IpAddress& address);
    bool addresses(std::span<const netemu::IpAddress> list);
    bool pointers(const netemu::IpAddress& address);
    bool service(const ServiceRecords& service);
    bool service_port(const ServiceRecords& service);
    bool endpoint(const ServiceRecords& service); // the question's first label names it
    std::size_t finish(Rcode rcode);

private:
    struct SrvTarget {
        std::uint16_t offset; // of the target's name in the message, 0: out of a pointer's reach
        netemu::IpAddress address;
    };
    static constexpr std::size_t kTargetsMax = 512; // whose addresses come along

    bool address_set(std::string_view records, std::size_t record_bytes);
    bool addresses_of(
        const ServiceRecords& service, std::size_t from, std::size_t to, const PortFilter& filter);
    bool services(const ServiceRecords& service, const PortFilter& filter);
    bool endpoint_services(
        const ServiceRecords& service, std::size_t from, std::size_t to, const PortFilter& filter);
    bool
    srv(std::uint16_t weight, std::uint16_t port, std::string_view label, std::string_view suffix);
    void glue(std::span<const SrvTarget> targets);
    bool pointer_record(std::string_view label, std::string_view suffix);
    bool answer(std::string_view record);

    const ClusterZone& zone_;
    const QueryView& query_;
    ResponseWriter writer_;
};

} // namespace dns
