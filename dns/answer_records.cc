#include "dns/answer_records.h"

#include <algorithm>
#include <array>

#include "dns/limits.h"

namespace dns {
namespace {

constexpr std::size_t kRecordHeadBytes = 12; // pointer, type, class, ttl, length
constexpr std::size_t kSrvFixedBytes = 6;
constexpr unsigned kWeightSum = 100;
constexpr std::size_t kPointerReach = 0x4000;

using AnyRecord = RecordBuffer<kRecordHeadBytes + kSrvFixedBytes + 2 * limits::kNameBytesMax>;

template <std::size_t N>
void put_head(
    RecordBuffer<N>& record,
    std::uint16_t owner,
    Type type,
    std::uint32_t ttl,
    std::size_t data_bytes) {
    record.put16(owner);
    record.put16(static_cast<std::uint16_t>(type));
    record.put16(static_cast<std::uint16_t>(Class::In));
    record.put32(ttl);
    record.put16(static_cast<std::uint16_t>(data_bytes));
}

std::uint16_t question_name() {
    return 0xc000U | limits::kHeaderBytes;
}

std::string_view without_underscores(std::string_view label) {
    while (label.starts_with('_')) {
        label.remove_prefix(1);
    }
    return label;
}

std::string_view protocol_name(Protocol protocol) {
    switch (protocol) {
    case Protocol::Tcp:
        return "tcp";
    case Protocol::Udp:
        return "udp";
    default:
        return "sctp";
    }
}

/// Somewhere in [0, count), another place each time; no secret.
std::size_t turn(std::size_t count) {
    static thread_local std::uint32_t state = 0x2545f491;
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    return static_cast<std::size_t>((std::uint64_t{state} * count) >> 32U);
}

std::string_view address_bytes(const netemu::IpAddress& address) {
    return {reinterpret_cast<const char*>(address.bytes()), address.size()}; // NOLINT
}

Type address_type(const netemu::IpAddress& address) {
    return address.is_v4() ? Type::A : Type::Aaaa;
}

/// Whether an endpoint with the same label, or the same one with another protocol, has brought this
/// port number already: then the SRV record would be the same once more.
bool srv_written(
    const ServiceRecords& service,
    std::size_t from,
    std::size_t index,
    const ServiceRecords::Port& port,
    const PortFilter& filter) {
    const auto label = service.label(service.endpoints[index]);
    for (auto i = index + 1; i-- > from && service.label(service.endpoints[i]) == label;) {
        for (const auto& other : service.ports) {
            if (i == index && &other == &port) {
                break;
            }
            if (other.slice == service.endpoints[i].slice && other.number == port.number &&
                filter.matches(other)) {
                return true;
            }
        }
    }
    return false;
}

} // namespace

PortFilter::PortFilter(std::string_view port, std::string_view protocol)
    : port_(without_underscores(port)), protocol_(without_underscores(protocol)) {
}

bool PortFilter::matches(const ServiceRecords::Port& port) const {
    return (port_.empty() || port_ == port.name) &&
           (protocol_.empty() || protocol_ == protocol_name(port.protocol));
}

bool PortFilter::matches_any(const ServiceRecords& service) const {
    const bool headless = service.kind == ServiceKind::Headless;
    return std::any_of(service.ports.begin(), service.ports.end(), [&](const auto& port) {
        if (headless != (port.slice != ServiceRecords::kOwn) || !matches(port)) {
            return false;
        }
        return !headless || std::any_of(
                                service.endpoints.begin(),
                                service.endpoints.end(),
                                [&](const auto& endpoint) { return endpoint.slice == port.slice; });
    });
}

RecordWriter::RecordWriter(
    const ClusterZone& zone,
    const QueryView& query,
    std::span<std::uint8_t> buffer,
    std::size_t limit)
    : zone_(zone), query_(query), writer_(query, buffer, limit) {
    writer_.set_flags(flag::kAuthoritative);
}

bool RecordWriter::answer(std::string_view record) {
    if (writer_.answers(record, 1)) {
        return true;
    }
    writer_.truncate();
    return false;
}

void RecordWriter::soa(const ClusterZone::Origin& origin, Section section) {
    using namespace std::string_view_literals;
    const auto apex = ResponseWriter::pointer_to(query_, query_.labels - origin.labels);
    const auto ttl = zone_.options().ttl_s;
    constexpr auto kPrimary = "\2ns\3dns"sv;
    constexpr auto kMailbox = "\12hostmaster"sv;
    constexpr std::size_t kNumbers = 20;
    AnyRecord record;
    put_head(
        record,
        apex,
        Type::Soa,
        std::min(ttl, limits::kSoaTtlMaxS),
        kPrimary.size() + kMailbox.size() + 4 + kNumbers);
    record.put(kPrimary);
    record.put16(apex);
    record.put(kMailbox);
    record.put16(apex);
    constexpr std::uint32_t kRefresh = 7200;
    constexpr std::uint32_t kRetry = 1800;
    constexpr std::uint32_t kExpire = 86400;
    for (const auto value : {zone_.serial(), kRefresh, kRetry, kExpire, ttl}) {
        record.put32(value);
    }
    if (section == Section::Answer) {
        answer(record.view());
    } else if (!writer_.authority(record.view(), 1)) {
        writer_.truncate();
    }
}

bool RecordWriter::name_server(const ClusterZone::Origin& origin) {
    using namespace std::string_view_literals;
    const auto apex = ResponseWriter::pointer_to(query_, query_.labels - origin.labels);
    const auto ttl = zone_.options().ttl_s;
    const auto* service = zone_.dns_service();
    const auto name_at = writer_.size() + kRecordHeadBytes;
    AnyRecord record;
    if (service != nullptr) {
        put_head(record, apex, Type::Ns, ttl, service->suffix().size());
        record.put(service->suffix());
    } else {
        constexpr auto kName = "\2ns\3dns"sv;
        put_head(record, apex, Type::Ns, ttl, kName.size() + 2);
        record.put(kName);
        record.put16(apex);
    }
    if (!answer(record.view())) {
        return true;
    }
    std::array<SrvTarget, kTargetsMax> targets{};
    std::size_t count = 0;
    const auto& addresses =
        service != nullptr ? service->cluster_ips : zone_.options().dns_addresses;
    for (const auto& address : addresses) {
        if (count < targets.size()) {
            targets.at(count++) = {static_cast<std::uint16_t>(name_at), address};
        }
    }
    glue(std::span(targets).first(count));
    return true;
}

bool RecordWriter::version() {
    constexpr std::string_view kSchema = "1.1.0";
    AnyRecord record;
    put_head(record, question_name(), Type::Txt, limits::kVersionTtlS, kSchema.size() + 1);
    record.put8(static_cast<std::uint8_t>(kSchema.size()));
    record.put(kSchema);
    answer(record.view());
    return true;
}

void RecordWriter::any() {
    using namespace std::string_view_literals;
    constexpr auto kText = "\15ANY obsoleted\14See RFC 8482"sv;
    AnyRecord record;
    put_head(record, question_name(), Type::Hinfo, limits::kAnyTtlS, kText.size());
    record.put(kText);
    answer(record.view());
}

bool RecordWriter::address(const netemu::IpAddress& address) {
    return addresses(std::span(&address, 1));
}

bool RecordWriter::addresses(std::span<const netemu::IpAddress> list) {
    bool any = false;
    for (const auto& address : list) {
        if (static_cast<std::uint16_t>(address_type(address)) != query_.type) {
            continue;
        }
        any = true;
        AnyRecord record;
        put_head(
            record, question_name(), address_type(address), zone_.options().ttl_s, address.size());
        record.put(address_bytes(address));
        if (!answer(record.view())) {
            break;
        }
    }
    return any;
}

bool RecordWriter::address_set(std::string_view records, std::size_t record_bytes) {
    if (records.empty()) {
        return false;
    }
    const auto count = records.size() / record_bytes;
    const auto fit = std::min(count, writer_.room() / record_bytes);
    const auto start = count > 1 && zone_.options().shuffle ? turn(count) : 0;
    const auto tail = std::min(count - start, fit);
    writer_.answers(
        records.substr(start * record_bytes, tail * record_bytes),
        static_cast<std::uint16_t>(tail));
    writer_.answers(
        records.substr(0, (fit - tail) * record_bytes), static_cast<std::uint16_t>(fit - tail));
    if (fit < count) {
        writer_.truncate();
    }
    return true;
}

bool RecordWriter::service(const ServiceRecords& service) {
    switch (static_cast<Type>(query_.type)) {
    case Type::A:
        return address_set(service.a(), kARecordBytes);
    case Type::Aaaa:
        return address_set(service.aaaa(), kAaaaRecordBytes);
    case Type::Srv:
        return services(service, PortFilter{});
    case Type::Cname: {
        if (service.external().empty()) {
            return false;
        }
        AnyRecord record;
        put_head(
            record, question_name(), Type::Cname, zone_.options().ttl_s, service.external().size());
        record.put(service.external());
        answer(record.view());
        return true;
    }
    default:
        return false;
    }
}

bool RecordWriter::service_port(const ServiceRecords& service) {
    const PortFilter filter(query_.label(0), query_.label(1));
    const auto type = static_cast<Type>(query_.type);
    if (type == Type::Srv) {
        return services(service, filter);
    }
    if (type != Type::A && type != Type::Aaaa) {
        return false;
    }
    if (service.kind == ServiceKind::Headless) {
        return addresses_of(service, 0, service.endpoints.size(), filter);
    }
    return type == Type::A ? address_set(service.a(), kARecordBytes)
                           : address_set(service.aaaa(), kAaaaRecordBytes);
}

bool RecordWriter::endpoint(const ServiceRecords& service) {
    const auto [from, to] = service.endpoints_named(query_.label(0));
    const auto type = static_cast<Type>(query_.type);
    if (type == Type::Srv) {
        return endpoint_services(service, from, to, PortFilter{});
    }
    return (type == Type::A || type == Type::Aaaa) && addresses_of(service, from, to, PortFilter{});
}

bool RecordWriter::addresses_of(
    const ServiceRecords& service, std::size_t from, std::size_t to, const PortFilter& filter) {
    bool any = false;
    const netemu::IpAddress* last = nullptr;
    for (auto i = from; i < to; ++i) {
        const auto& endpoint = service.endpoints[i];
        const bool wanted =
            filter.is_all() ||
            std::any_of(service.ports.begin(), service.ports.end(), [&](const auto& port) {
                return port.slice == endpoint.slice && filter.matches(port);
            });
        if (!wanted || (last != nullptr && *last == endpoint.address)) {
            continue;
        }
        last = &endpoint.address;
        any = address(endpoint.address) || any;
    }
    return any;
}

bool RecordWriter::srv(
    std::uint16_t weight, std::uint16_t port, std::string_view label, std::string_view suffix) {
    const auto label_bytes = label.empty() ? 0 : label.size() + 1;
    AnyRecord record;
    put_head(
        record,
        question_name(),
        Type::Srv,
        zone_.options().ttl_s,
        kSrvFixedBytes + label_bytes + suffix.size());
    record.put16(0);
    record.put16(weight);
    record.put16(port);
    if (!label.empty()) {
        record.put8(static_cast<std::uint8_t>(label.size()));
        record.put(label);
    }
    record.put(suffix);
    return answer(record.view());
}

bool RecordWriter::services(const ServiceRecords& service, const PortFilter& filter) {
    if (service.kind == ServiceKind::Headless) {
        return endpoint_services(service, 0, service.endpoints.size(), filter);
    }
    const auto is_own = [&filter](const ServiceRecords::Port& port) {
        return port.slice == ServiceRecords::kOwn && filter.matches(port);
    };
    const auto& ports = service.ports;
    const auto entries =
        static_cast<std::size_t>(std::count_if(ports.begin(), ports.end(), is_own)) *
        service.cluster_ips.size();
    if (entries == 0) {
        return false;
    }
    const auto weight = static_cast<std::uint16_t>(std::max<std::size_t>(1, kWeightSum / entries));
    const auto target_at = writer_.size() + kRecordHeadBytes + kSrvFixedBytes;
    for (auto port = ports.begin(); port != ports.end(); ++port) {
        // The same number for TCP and UDP is one record.
        const bool again = std::any_of(ports.begin(), port, [&](const auto& earlier) {
            return is_own(earlier) && earlier.number == port->number;
        });
        if (is_own(*port) && !again && !srv(weight, port->number, {}, service.suffix())) {
            return true;
        }
    }
    std::array<SrvTarget, kTargetsMax> targets{};
    std::size_t count = 0;
    for (const auto& address : service.cluster_ips) {
        if (count < targets.size()) {
            targets.at(count++) = {static_cast<std::uint16_t>(target_at), address};
        }
    }
    glue(std::span(targets).first(count));
    return true;
}

bool RecordWriter::endpoint_services(
    const ServiceRecords& service, std::size_t from, std::size_t to, const PortFilter& filter) {
    const auto each_port = [&](std::size_t index, auto& visit) {
        for (const auto& port : service.ports) {
            if (port.slice == service.endpoints[index].slice && filter.matches(port)) {
                visit(index, port);
            }
        }
    };
    const auto each = [&](auto visit) {
        for (auto i = from; i < to; ++i) {
            each_port(i, visit);
        }
    };
    std::size_t entries = 0;
    each([&entries](std::size_t, const auto&) { ++entries; });
    if (entries == 0) {
        return false;
    }
    const auto weight = static_cast<std::uint16_t>(std::max<std::size_t>(1, kWeightSum / entries));
    std::array<SrvTarget, kTargetsMax> targets; // NOLINT: only the first `count` are read
    std::size_t count = 0;
    std::string_view last_label;
    std::size_t target_at = 0;
    std::size_t last_index = to;
    each([&](std::size_t index, const auto& port) {
        const auto& endpoint = service.endpoints[index];
        const auto label = service.label(endpoint);
        if (!srv_written(service, from, index, port, filter)) {
            const auto at = writer_.size() + kRecordHeadBytes + kSrvFixedBytes;
            if (!srv(weight, port.number, label, service.suffix())) {
                return;
            }
            target_at = label == last_label ? target_at : at;
            last_label = label;
        }
        if (index != last_index && count < targets.size() && target_at < kPointerReach) {
            targets.at(count++) = {static_cast<std::uint16_t>(target_at), endpoint.address};
        }
        last_index = index;
    });
    glue(std::span(targets).first(count));
    return true;
}

void RecordWriter::glue(std::span<const SrvTarget> targets) {
    if (writer_.truncated()) {
        return;
    }
    for (const auto& target : targets) {
        AnyRecord record;
        put_head(
            record,
            static_cast<std::uint16_t>(0xc000U | target.offset),
            address_type(target.address),
            zone_.options().ttl_s,
            target.address.size());
        record.put(address_bytes(target.address));
        if (!writer_.additional(record.view(), 1)) {
            return; // additional data is dropped without TC (RFC 2181 section 9)
        }
    }
}

bool RecordWriter::pointer_record(std::string_view label, std::string_view suffix) {
    const auto label_bytes = label.empty() ? 0 : label.size() + 1;
    AnyRecord record;
    put_head(
        record, question_name(), Type::Ptr, zone_.options().ttl_s, label_bytes + suffix.size());
    if (!label.empty()) {
        record.put8(static_cast<std::uint8_t>(label.size()));
        record.put(label);
    }
    record.put(suffix);
    return answer(record.view());
}

bool RecordWriter::pointers(const netemu::IpAddress& address) {
    bool any = false;
    // A ClusterIP comes first and alone (coredns serviceRecordForIP).
    zone_.services_with(address, [&](const ServiceRecords& service) {
        const auto& ips = service.cluster_ips;
        if (!any && std::find(ips.begin(), ips.end(), address) != ips.end()) {
            any = true;
            pointer_record({}, service.suffix());
        }
    });
    if (any) {
        return true;
    }
    zone_.services_with(address, [&](const ServiceRecords& service) {
        std::string_view last;
        for (const auto& endpoint : service.endpoints) {
            const auto label = service.label(endpoint);
            if (endpoint.address == address && label != last) {
                any = true;
                pointer_record(label, service.suffix());
                last = label;
            }
        }
    });
    return any;
}

std::size_t RecordWriter::finish(Rcode rcode) {
    return writer_.finish(rcode);
}

} // namespace dns
