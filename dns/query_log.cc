#include "dns/query_log.h"

#include <array>
#include <cstdio>
#include <utility>

#include "netemu/base/text.h"

namespace dns {
std::string flags_text(std::uint16_t flags) {
    constexpr std::array<std::pair<std::uint16_t, const char*>, 7> kNames{{
        {flag::kResponse, "qr"},
        {flag::kAuthoritative, "aa"},
        {flag::kTruncated, "tc"},
        {flag::kRecursionDesired, "rd"},
        {flag::kRecursionAvailable, "ra"},
        {flag::kAuthenticData, "ad"},
        {flag::kCheckingDisabled, "cd"},
    }};
    std::string text;
    for (const auto& [bit, name] : kNames) {
        if ((flags & bit) != 0) {
            text += (text.empty() ? "" : ",") + std::string(name);
        }
    }
    return text.empty() ? "-" : text;
}

std::string LogEntry::text() const {
    std::array<char, 32> seconds{};
    (void)std::snprintf(
        seconds.data(), seconds.size(), "%.9fs", std::chrono::duration<double>(duration).count());
    const auto* protocol = client.transport == Transport::Udp ? "udp" : "tcp";
    return client.address.to_string() + " - " + std::to_string(id) + " \"" + type_text(type) + " " +
           class_text(klass) + " " + (name.empty() ? "-" : name) + " " + protocol + " " +
           std::to_string(query_bytes) + " " + (dnssec_ok ? "true" : "false") + " " +
           std::to_string(udp_size) + "\" " + (response_bytes == 0 ? "-" : rcode_text(rcode)) +
           " " + flags_text(flags) + " " + std::to_string(response_bytes) + " " + seconds.data();
}

LogEntry make_log_entry(const QueryView& query, const Client& client) {
    LogEntry entry;
    entry.client = client;
    entry.id = query.id;
    entry.name = query.has_question() ? query.name().to_string() : std::string{};
    entry.type = query.type;
    entry.klass = query.klass;
    entry.query_bytes = query.packet.size();
    entry.dnssec_ok = query.dnssec_ok;
    entry.udp_size = query.edns ? query.udp_size : limits::kUdpBytesMin;
    return entry;
}

} // namespace dns
