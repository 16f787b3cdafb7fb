#include "labctl/dataplane/dns_wire.h"

#include <algorithm>

namespace labctl::dataplane {
namespace {

constexpr std::size_t kEndpointsPerRecord = 256;
constexpr std::size_t kCorefilePieceBytes = 32U << 10U;

std::uint32_t count32(std::size_t count) {
    return static_cast<std::uint32_t>(count);
}

void write_dns_ports(WireWriter& out, const std::vector<dns::PortValue>& ports) {
    out.u32(count32(ports.size()));
    for (const auto& port : ports) {
        out.text(port.name).u16(port.number).u8(static_cast<std::uint8_t>(port.protocol));
    }
}

std::vector<dns::PortValue> read_dns_ports(WireReader& record) {
    std::vector<dns::PortValue> ports;
    for (auto left = record.u32(); left > 0; --left) {
        dns::PortValue port;
        port.name = record.text();
        port.number = record.u16();
        port.protocol = static_cast<dns::Protocol>(record.u8());
        ports.push_back(std::move(port));
    }
    return ports;
}

/// Part of a slice is a slice.
void write_dns_slices(std::vector<std::string>& pieces, const dns::SliceValue& slice) {
    std::size_t first = 0;
    while (first < slice.endpoints.size()) {
        const auto last = std::min(first + kEndpointsPerRecord, slice.endpoints.size());
        WireWriter out;
        out.op(Op::DnsSlice);
        write_dns_ports(out, slice.ports);
        out.u32(count32(last - first));
        for (; first < last; ++first) {
            const auto& endpoint = slice.endpoints[first];
            out.endpoint({endpoint.address, 0}).text(endpoint.hostname).u8(endpoint.ready ? 1 : 0);
        }
        pieces.push_back(out.bytes());
    }
}

} // namespace

std::vector<std::string> encode_dns_service(const dns::ServiceValue& service) {
    std::vector<std::string> pieces;
    WireWriter out;
    out.op(Op::DnsService).text(service.ns).text(service.name);
    out.u8(static_cast<std::uint8_t>(service.kind)).text(service.external_name);
    out.u32(count32(service.cluster_ips.size()));
    for (const auto& address : service.cluster_ips) {
        out.endpoint({address, 0});
    }
    write_dns_ports(out, service.ports);
    pieces.push_back(out.bytes());
    for (const auto& slice : service.slices) {
        write_dns_slices(pieces, slice);
    }
    pieces.push_back(WireWriter().op(Op::DnsServiceEnd).bytes());
    return pieces;
}

std::vector<std::string> encode_dns_serving(std::uint32_t id, const DnsServing& serving) {
    WireWriter out;
    out.op(Op::AddDns).u32(id).u8(static_cast<std::uint8_t>(serving.role));
    out.u32(count32(serving.nameservers.size()));
    for (const auto& server : serving.nameservers) {
        out.endpoint(server);
    }
    out.u32(count32(serving.searches.size()));
    for (const auto& search : serving.searches) {
        out.text(search);
    }
    std::vector<std::string> pieces{out.bytes()};
    for (std::size_t at = 0; at < serving.zone.size(); at += kCorefilePieceBytes) {
        const auto piece = std::string_view(serving.zone).substr(at, kCorefilePieceBytes);
        pieces.push_back(WireWriter().op(Op::DnsUpstreamText).u32(id).text(piece).bytes());
    }
    for (const auto& [name, fault] : serving.faults) {
        pieces.push_back(WireWriter()
                             .op(Op::DnsUpstreamFault)
                             .u32(id)
                             .text(name)
                             .u8(static_cast<std::uint8_t>(fault))
                             .bytes());
    }
    return pieces;
}

DnsServing read_dns_serving(WireReader& record) {
    DnsServing serving;
    serving.role = static_cast<DnsServing::Role>(record.u8());
    for (auto left = record.u32(); left > 0; --left) {
        serving.nameservers.push_back(record.endpoint());
    }
    for (auto left = record.u32(); left > 0; --left) {
        serving.searches.emplace_back(record.text());
    }
    return serving;
}

std::string encode_dns_service_gone(const std::string& ns, const std::string& name) {
    return WireWriter().op(Op::DnsServiceGone).text(ns).text(name).bytes();
}

std::vector<std::string>
encode_corefile(const std::string& text, const std::map<std::string, std::string>& files) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += kCorefilePieceBytes) {
        const auto piece = std::string_view(text).substr(at, kCorefilePieceBytes);
        pieces.push_back(WireWriter().op(Op::DnsCorefile).text(piece).bytes());
    }
    for (const auto& [path, content] : files) {
        for (std::size_t at = 0; at == 0 || at < content.size(); at += kCorefilePieceBytes) {
            const auto piece = std::string_view(content).substr(at, kCorefilePieceBytes);
            pieces.push_back(WireWriter().op(Op::DnsFile).text(path).text(piece).bytes());
        }
    }
    pieces.push_back(WireWriter().op(Op::DnsBegin).bytes());
    return pieces;
}

std::string encode_dns_namespace(Op op, const std::string& name) {
    return WireWriter().op(op).text(name).bytes();
}

std::string encode_dns_pod(Op op, const dns::ZoneChanges::PodAddress& pod) {
    return WireWriter().op(op).endpoint({pod.first, 0}).text(pod.second).bytes();
}

dns::ServiceValue read_dns_service(WireReader& record) {
    dns::ServiceValue service;
    service.ns = record.text();
    service.name = record.text();
    service.kind = static_cast<dns::ServiceKind>(record.u8());
    service.external_name = record.text();
    for (auto left = record.u32(); left > 0; --left) {
        service.cluster_ips.push_back(record.endpoint().address);
    }
    service.ports = read_dns_ports(record);
    return service;
}

dns::SliceValue read_dns_slice(WireReader& record) {
    dns::SliceValue slice;
    slice.ports = read_dns_ports(record);
    for (auto left = record.u32(); left > 0; --left) {
        dns::EndpointValue endpoint;
        endpoint.address = record.endpoint().address;
        endpoint.hostname = record.text();
        endpoint.ready = record.u8() != 0;
        slice.endpoints.push_back(std::move(endpoint));
    }
    return slice;
}

std::pair<std::string, std::string> read_dns_service_gone(WireReader& record) {
    std::string ns(record.text());
    return {std::move(ns), std::string(record.text())};
}

dns::ZoneChanges::PodAddress read_dns_pod(WireReader& record) {
    const auto address = record.endpoint().address;
    return {address, std::string(record.text())};
}

} // namespace labctl::dataplane
