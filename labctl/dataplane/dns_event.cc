#include "labctl/dataplane/dns_event.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "dns/types.h"

namespace labctl::dataplane {

std::string encode_dns_event(std::uint32_t pod, std::uint32_t missed, const dns::LogEntry& entry) {
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(entry.duration).count();
    WireWriter out;
    out.op(Op::DnsQuery).u32(pod).u32(missed).endpoint(entry.client.address).u16(entry.id);
    out.text(entry.name).u16(entry.type);
    out.u8(entry.client.transport == dns::Transport::Tcp ? 1 : 0);
    out.u16(static_cast<std::uint16_t>(entry.rcode)).u16(entry.flags);
    out.u32(static_cast<std::uint32_t>(entry.response_bytes));
    out.u32(static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(micros, 0, std::numeric_limits<std::uint32_t>::max())));
    out.u8(static_cast<std::uint8_t>(entry.origin.source)).endpoint(entry.origin.upstream);
    return out.bytes();
}

DnsEvent read_dns_event(WireReader& record) {
    DnsEvent event;
    event.missed = record.u32();
    event.client = record.endpoint();
    event.id = record.u16();
    event.name = record.text();
    event.type = dns::type_text(record.u16());
    event.tcp = record.u8() != 0;
    event.rcode = dns::rcode_text(static_cast<dns::Rcode>(record.u16()));
    event.flags = dns::flags_text(record.u16());
    event.bytes = record.u32();
    event.duration_us = record.u32();
    const auto source = record.u8();
    if (source > static_cast<std::uint8_t>(dns::Source::Forward)) {
        throw netemu::Error("a query of the data plane comes from nowhere");
    }
    event.plugin = dns::source_text(static_cast<dns::Source>(source));
    event.upstream = record.endpoint();
    event.rcode = event.bytes == 0 ? "-" : event.rcode;
    return event;
}

} // namespace labctl::dataplane
