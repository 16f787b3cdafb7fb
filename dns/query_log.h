#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "dns/handler.h"
#include "dns/types.h"

namespace dns {

/// One answered (or dropped) query, as coredns' plugin log tells of it.
struct LogEntry {
    Client client;
    std::uint16_t id = 0;
    std::string name; // as asked; empty if the message was malformed
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
    std::size_t query_bytes = 0;
    bool dnssec_ok = false;
    std::uint16_t udp_size = 0; // as advertised; 512 without EDNS
    Rcode rcode = Rcode::NoError;
    std::uint16_t flags = 0;        // of the response
    std::size_t response_bytes = 0; // 0: dropped
    std::chrono::nanoseconds duration{0};
    Origin origin{};

    /// coredns' common format: `ADDRESS:PORT - ID "TYPE CLASS NAME PROTO SIZE DO BUFSIZE" RCODE
    /// FLAGS RSIZE DURATION`.
    [[nodiscard]] std::string text() const;
};

/// Called on the server's thread after each answer; must be quick.
using QueryLog = std::function<void(const LogEntry&)>;

/// "qr,aa,rd", or "-".
std::string flags_text(std::uint16_t flags);

LogEntry make_log_entry(const QueryView& query, const Client& client);

} // namespace dns
