#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "dns/query_log.h"
#include "labctl/dataplane/wire.h"
#include "netemu/base/address.h"

namespace labctl::dataplane {

/// One query that a DNS server of the lab has answered, for live logs and explanations.
struct DnsEvent {
    std::string server;       // "NS/POD", or "external" for the lab's upstream
    std::uint32_t missed = 0; // queries before this one that were too many to tell of
    netemu::Endpoint client;
    std::uint16_t id = 0;
    std::string name; // as asked, with the final dot; empty if the message was malformed
    std::string type; // "A"
    bool tcp = false;
    std::string rcode;       // "NOERROR"; "-" if nothing was answered
    std::string flags;       // "qr,aa,rd"
    std::uint32_t bytes = 0; // of the answer
    std::uint32_t duration_us = 0;
    std::string plugin;        // that answered (dns::source_text)
    netemu::Endpoint upstream; // that was asked last; port 0 if none was
};

using DnsEventCallback = std::function<void(const DnsEvent& event)>;

/// The record of a query that pod `pod` has answered.
std::string encode_dns_event(std::uint32_t pod, std::uint32_t missed, const dns::LogEntry& entry);
/// The fields behind the pod; `server` stays empty. Throws netemu::Error when cut short.
DnsEvent read_dns_event(WireReader& record);

} // namespace labctl::dataplane
