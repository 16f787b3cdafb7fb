#include "dns/records.h"

#include <algorithm>
#include <tuple>

#include "dns/limits.h"
#include "dns/types.h"
#include "netemu/base/text.h"

namespace dns {
namespace {

void append_be(std::string& out, std::uint32_t value, unsigned bytes) {
    while (bytes-- > 0) {
        out += static_cast<char>(value >> (8U * bytes));
    }
}

void add_ports(ServiceRecords& records, const std::vector<PortValue>& ports, std::uint16_t slice) {
    for (const auto& port : ports) {
        records.ports.push_back({netemu::to_lower(port.name), port.number, port.protocol, slice});
    }
}

void add_endpoints(ServiceRecords& records, const ServiceValue& service) {
    std::uint16_t number = 0;
    for (const auto& slice : service.slices) {
        add_ports(records, slice.ports, number);
        for (const auto& endpoint : slice.endpoints) {
            const auto label = endpoint.hostname.empty() ? address_label(endpoint.address)
                                                         : netemu::to_lower(endpoint.hostname);
            if (!endpoint.ready || label.size() > limits::kLabelBytesMax ||
                label.size() + 1 + records.suffix_size > limits::kNameBytesMax) {
                continue;
            }
            ServiceRecords::EndpointRecord record;
            record.address = endpoint.address;
            record.slice = number;
            record.label_at = static_cast<std::uint32_t>(records.labels.size());
            record.label_size = static_cast<std::uint8_t>(label.size());
            records.labels += label;
            records.endpoints.push_back(record);
        }
        ++number;
    }
    auto& list = records.endpoints;
    const auto rank = [&records](const auto& record) {
        return std::tuple(records.label(record), record.address, record.slice);
    };
    std::sort(
        list.begin(), list.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
    const auto end = std::unique(
        list.begin(), list.end(), [&](const auto& a, const auto& b) { return rank(a) == rank(b); });
    list.erase(end, list.end());
    list.shrink_to_fit();
    records.labels.shrink_to_fit();
}

/// Behind the suffix: nothing else may have been added to `wire`.
void add_addresses(
    ServiceRecords& records, const std::vector<netemu::IpAddress>& addresses, std::uint32_t ttl) {
    std::string aaaa;
    for (const auto& address : addresses) {
        append_address_record(address.is_v4() ? records.wire : aaaa, address, ttl);
    }
    records.a_size = static_cast<std::uint32_t>(records.wire.size() - records.suffix_size);
    records.aaaa_size = static_cast<std::uint32_t>(aaaa.size());
    records.wire += aaaa;
    records.wire.shrink_to_fit();
}

/// Every address once (RFC 2181 section 5).
std::vector<netemu::IpAddress> endpoint_addresses(const ServiceRecords& records) {
    std::vector<netemu::IpAddress> addresses;
    addresses.reserve(records.endpoints.size());
    for (const auto& endpoint : records.endpoints) {
        addresses.push_back(endpoint.address);
    }
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    return addresses;
}

} // namespace

std::string address_label(const netemu::IpAddress& address) {
    auto label = address.to_string();
    std::replace(label.begin(), label.end(), '.', '-');
    std::replace(label.begin(), label.end(), ':', '-');
    return label.ends_with('-') ? label + "0" : label;
}

std::pair<std::size_t, std::size_t> ServiceRecords::endpoints_named(std::string_view wanted) const {
    const auto first = std::lower_bound(
        endpoints.begin(), endpoints.end(), wanted, [this](const auto& record, auto text) {
            return label(record) < text;
        });
    auto last = first;
    while (last != endpoints.end() && label(*last) == wanted) {
        ++last;
    }
    return {first - endpoints.begin(), last - endpoints.begin()};
}

std::size_t ServiceRecords::memory_bytes() const {
    return sizeof *this + wire.capacity() + labels.capacity() + ports.capacity() * sizeof(Port) +
           endpoints.capacity() * sizeof(EndpointRecord) +
           cluster_ips.capacity() * sizeof(netemu::IpAddress);
}

void append_address_record(std::string& out, const netemu::IpAddress& address, std::uint32_t ttl) {
    constexpr std::uint32_t kQuestionName = 0xc000U | limits::kHeaderBytes;
    append_be(out, kQuestionName, 2);
    append_be(out, static_cast<std::uint16_t>(address.is_v4() ? Type::A : Type::Aaaa), 2);
    append_be(out, static_cast<std::uint16_t>(Class::In), 2);
    append_be(out, ttl, 4);
    append_be(out, static_cast<std::uint32_t>(address.size()), 2);
    out.append(reinterpret_cast<const char*>(address.bytes()), address.size()); // NOLINT
}

std::unique_ptr<ServiceRecords>
make_service_records(const ServiceValue& service, const Name& zone, std::uint32_t ttl) {
    auto records = std::make_unique<ServiceRecords>();
    const auto own = Name::parse(service.name + "." + service.ns);
    const auto full =
        own ? own->under(Name::from_wire(std::string("\3svc", 4) + zone.wire())) : std::nullopt;
    if (!full || own->labels().size() != 2) {
        return nullptr;
    }
    records->wire = full->lower().wire();
    records->suffix_size = static_cast<std::uint16_t>(records->wire.size());
    records->key_size = static_cast<std::uint16_t>(own->wire().size() - 1);
    records->kind = service.kind;
    if (service.kind == ServiceKind::ExternalName) {
        const auto target = Name::parse(service.external_name);
        if (!target || target->is_root() || netemu::IpAddress::parse(service.external_name)) {
            return nullptr;
        }
        records->wire += target->wire();
        return records;
    }
    add_endpoints(*records, service);
    if (service.kind == ServiceKind::Headless) {
        add_addresses(*records, endpoint_addresses(*records), ttl);
        return records;
    }
    records->cluster_ips = service.cluster_ips;
    add_ports(*records, service.ports, ServiceRecords::kOwn);
    add_addresses(*records, service.cluster_ips, ttl);
    return records;
}

} // namespace dns
