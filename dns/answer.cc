#include "dns/answer.h"

#include <algorithm>
#include <array>

#include "dns/answer_records.h"

namespace dns {
namespace {

constexpr std::size_t kLabelTextMax = limits::kLabelBytesMax;

/// What is behind a name.
struct Found {
    enum class Kind : std::uint8_t {
        Nothing, // NXDOMAIN
        Empty,   // the name exists and has no records of its own
        Apex,
        Version,
        NameServer, // ns.dns.ZONE
        Service,
        ServicePort, // _port._proto
        EndpointLabel,
        Pod,
        Reverse,
    };
    Kind kind = Kind::Nothing;
    const ServiceRecords* service = nullptr;
    netemu::IpAddress address;
};

bool ignored(const ClusterZone& zone, const ServiceRecords& service) {
    return zone.options().ignore_empty_service && service.kind == ServiceKind::ClusterIp &&
           service.endpoints.empty();
}

Found find_pod(const ClusterZone& zone, const QueryView& query, std::size_t own) {
    if (zone.options().pods == PodMode::Disabled || own > 3) {
        return {};
    }
    const auto ns = query.label(own - 2);
    if (own == 2) {
        return {zone.has_namespace(ns) ? Found::Kind::Empty : Found::Kind::Nothing, nullptr, {}};
    }
    const auto address = parse_address_label(query.label(0));
    const bool known =
        address && (zone.options().pods == PodMode::Insecure ? zone.has_namespace(ns)
                                                             : zone.has_pod(*address, ns));
    return known ? Found{Found::Kind::Pod, nullptr, *address} : Found{};
}

/// `own` labels are in front of the zone, the last of them is "svc".
Found find_service(const ClusterZone& zone, const QueryView& query, std::size_t own) {
    constexpr std::size_t kOwnMax = 5; // _port._proto.name.ns.svc
    if (own == 2) {
        const bool known = zone.has_namespace(query.label(0));
        return {known ? Found::Kind::Empty : Found::Kind::Nothing, nullptr, {}};
    }
    if (own > kOwnMax) {
        return {};
    }
    const std::size_t first = own - 3; // the Service's label
    const auto rest = query.name_from(first);
    const std::size_t key_size =
        query.label_at[first + 2] - query.label_at[first]; // NOLINT: own >= 3
    const auto* service = zone.service(rest.substr(0, key_size));
    if (service == nullptr || ignored(zone, *service)) {
        return {};
    }
    if (first == 0) {
        // Without a ready endpoint the name of a headless Service does not exist (dns-spec 2.4.1).
        const bool empty = service->kind == ServiceKind::Headless && service->endpoints.empty();
        return {empty ? Found::Kind::Nothing : Found::Kind::Service, service, {}};
    }
    if (service->kind == ServiceKind::ExternalName) {
        return {};
    }
    if (first == 1) {
        const auto [from, to] = service->endpoints_named(query.label(0));
        return from == to ? Found{} : Found{Found::Kind::EndpointLabel, service, {}};
    }
    return PortFilter(query.label(0), query.label(1)).matches_any(*service)
               ? Found{Found::Kind::ServicePort, service, {}}
               : Found{};
}

Found find_reverse(const ClusterZone& zone, const QueryView& query) {
    const auto address = reverse_address(query);
    bool known = false;
    if (address) {
        zone.services_with(*address, [&known](const ServiceRecords&) { known = true; });
    }
    return known ? Found{Found::Kind::Reverse, nullptr, *address} : Found{};
}

Found find_name(
    const ClusterZone& zone, const ClusterZone::Origin& origin, const QueryView& query) {
    const std::size_t own = query.labels - origin.labels;
    if (own == 0) {
        return {Found::Kind::Apex, nullptr, {}};
    }
    if (origin.reverse) {
        return find_reverse(zone, query);
    }
    const auto last = query.label(own - 1);
    if (last == "svc") {
        return own == 1 ? Found{Found::Kind::Empty, nullptr, {}} : find_service(zone, query, own);
    }
    if (last == "pod") {
        return own == 1 ? Found{Found::Kind::Empty, nullptr, {}} : find_pod(zone, query, own);
    }
    if (own == 1 && last == "dns-version") {
        return {Found::Kind::Version, nullptr, {}};
    }
    if (own == 2 && last == "dns" && query.label(0) == "ns") {
        return {Found::Kind::NameServer, nullptr, {}};
    }
    return {};
}

/// Writes the records that answer the question; false if there are none (NODATA).
bool write_found(
    const ClusterZone& zone,
    const ClusterZone::Origin& origin,
    const Found& found,
    RecordWriter& writer) {
    const auto type = static_cast<Type>(writer.query().type);
    switch (found.kind) {
    case Found::Kind::Apex:
        if (type == Type::Soa) {
            writer.soa(origin, RecordWriter::Section::Answer);
            return true;
        }
        return type == Type::Ns && writer.name_server(origin);
    case Found::Kind::Version:
        return type == Type::Txt && writer.version();
    case Found::Kind::NameServer:
        return writer.addresses(zone.options().dns_addresses);
    case Found::Kind::Pod:
        return writer.address(found.address);
    case Found::Kind::Reverse:
        return type == Type::Ptr && writer.pointers(found.address);
    case Found::Kind::Service:
        return writer.service(*found.service);
    case Found::Kind::ServicePort:
        return writer.service_port(*found.service);
    case Found::Kind::EndpointLabel:
        return writer.endpoint(*found.service);
    default:
        return false;
    }
}

bool wants_target(const QueryView& query, const Found& found) {
    const auto type = static_cast<Type>(query.type);
    return found.kind == Found::Kind::Service && found.service->kind == ServiceKind::ExternalName &&
           (type == Type::A || type == Type::Aaaa);
}

/// A name that is not there: SERVFAIL while we cannot know, NXDOMAIN with SOA otherwise.
Rcode write_nothing(
    const ClusterZone& zone, const ClusterZone::Origin& origin, RecordWriter& writer) {
    if (!zone.synced()) {
        return Rcode::ServFail;
    }
    writer.soa(origin, RecordWriter::Section::Authority);
    return Rcode::NxDomain;
}

} // namespace

ClusterAnswer answer_cluster(
    const ClusterZone& zone,
    const QueryView& query,
    std::span<std::uint8_t> buffer,
    std::size_t limit) {
    const auto* origin = zone.origin_of(query);
    if (origin == nullptr) {
        return {};
    }
    const auto type = static_cast<Type>(query.type);
    ClusterAnswer answer{ClusterAnswer::State::Answered, 0, Rcode::NoError, nullptr};
    if (type == Type::Axfr || type == Type::Ixfr) {
        answer.rcode = Rcode::Refused;
        answer.size = write_error(query, answer.rcode, buffer);
        return answer;
    }
    const auto found = find_name(zone, *origin, query);
    if (found.kind == Found::Kind::Nothing && zone.falls_through(query)) {
        answer.state = ClusterAnswer::State::FallThrough;
        return answer;
    }
    if (wants_target(query, found)) {
        answer.state = ClusterAnswer::State::Target;
        answer.service = found.service;
        return answer;
    }
    RecordWriter writer(zone, query, buffer, limit);
    if (found.kind == Found::Kind::Nothing) {
        answer.rcode = write_nothing(zone, *origin, writer);
    } else if (type == Type::Any) {
        writer.any();
    } else if (!write_found(zone, *origin, found, writer)) {
        writer.soa(*origin, RecordWriter::Section::Authority);
    }
    answer.size = writer.finish(answer.rcode);
    return answer;
}

std::optional<netemu::IpAddress> reverse_address(const QueryView& query) {
    constexpr std::size_t kV4Labels = 4;
    constexpr std::size_t kV6Labels = 32;
    std::array<std::uint8_t, 16> bytes{};
    if (query.labels == kV4Labels + 2 && query.label(4) == "in-addr" && query.label(5) == "arpa") {
        for (std::size_t i = 0; i < kV4Labels; ++i) {
            const auto text = query.label(kV4Labels - 1 - i);
            unsigned value = 0;
            for (const char c : text) {
                value = c >= '0' && c <= '9' ? value * 10 + static_cast<unsigned>(c - '0') : 256;
                value = std::min(value, 256U);
            }
            if (value > 255 || text.empty() || text.size() > 3) {
                return std::nullopt;
            }
            bytes.at(i) = static_cast<std::uint8_t>(value);
        }
        return netemu::IpAddress::from_bytes(netemu::Family::V4, bytes.data());
    }
    if (query.labels != kV6Labels + 2 || query.label(kV6Labels) != "ip6" ||
        query.label(kV6Labels + 1) != "arpa") {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < kV6Labels; ++i) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        const auto text = query.label(kV6Labels - 1 - i);
        const auto digit = text.size() == 1 ? kDigits.find(text[0]) : std::string_view::npos;
        if (digit == std::string_view::npos) {
            return std::nullopt;
        }
        auto& byte = bytes.at(i / 2);
        byte = static_cast<std::uint8_t>(std::size_t{byte} << 4U | digit);
    }
    return netemu::IpAddress::from_bytes(netemu::Family::V6, bytes.data());
}

std::optional<netemu::IpAddress> parse_address_label(std::string_view label) {
    std::array<char, kLabelTextMax> text{};
    const bool v4 = std::count(label.begin(), label.end(), '-') == 3 &&
                    label.find("--") == std::string_view::npos;
    std::replace_copy(label.begin(), label.end(), text.begin(), '-', v4 ? '.' : ':');
    return netemu::IpAddress::parse(std::string_view(text.data(), label.size()));
}

} // namespace dns
