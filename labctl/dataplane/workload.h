#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "mesh/http/message.h"
#include "netemu/base/address.h"

/// What the built-in workload answers (design.md, section 9). Pure. The paths behave as those of
/// agnhost netexec
/// (/hostname, /clientip, /echo, /healthz) and httpbin (/status, /delay, /headers).
namespace labctl::dataplane {

/// Who serves.
struct PodIdentity {
    std::string ns;
    std::string pod;
    std::string node;
    [[nodiscard]] std::string key() const { return ns + "/" + pod; }
};

/// One exchange as the workload sees it.
struct Exchange {
    const PodIdentity& pod;
    bool ready = true;
    std::uint16_t port = 0;
    netemu::Endpoint client;
    std::optional<std::uint32_t> health_endpoints{}; // set: a Service's health check asks
};

struct Answer {
    mesh::Response response;
    std::chrono::milliseconds delay{0}; // before it is sent
};

/// The path that a tcp probe asks to learn who answers; it leaves no line in the access log.
inline constexpr std::string_view kWhoamiPath = "/.labctl/whoami";
/// The whole request of a tcp probe.
inline constexpr std::string_view kWhoamiRequest =
    "GET /.labctl/whoami HTTP/1.1\r\nhost: labctl\r\nconnection: close\r\n\r\n";
/// Fields in which every HTTP answer says who served and whom it saw.
inline constexpr std::string_view kBackendField = "x-backend";
inline constexpr std::string_view kClientField = "x-client-ip";
/// Likewise, where a sidecar says so: the SPIFFE IDs of the workload and of whom it serves.
inline constexpr std::string_view kIdentityField = "x-identity";
inline constexpr std::string_view kClientIdentityField = "x-client-identity";
/// In what a sidecar answers to kWhoamiPath in the workload's place.
inline constexpr std::string_view kInPlaceField = "x-labctl-in-place";

/// Longest delay of /delay/SECONDS, as in httpbin.
inline constexpr std::chrono::seconds kDelayMax{10};

Answer answer_http(const Exchange& exchange, const mesh::Request& request);
/// Adds the fields in which every answer says who served and whom it saw.
void sign_answer(const Exchange& exchange, const mesh::Request& request, mesh::Response& response);

/// Which value `text` stands for; nullopt: none.
using ReadCode = std::function<std::optional<int>(std::string_view text)>;
/// httpbin's /status: one code, or a list "200:0.9,500:0.1" of which one is drawn by its weight.
/// nullopt: it is no such list.
[[nodiscard]] std::optional<int> draw_weighted(std::string_view list, const ReadCode& read);
/// The SECONDS of /delay, at most kDelayMax; nullopt: not a number.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_delay(std::string_view text);

/// The answer to kWhoamiRequest in wire form, written by hand: the hot path of a probe matrix. The
/// names in it come from the supervisor, which has validated them.
std::string whoami_bytes(const Exchange& exchange);
std::string answer_udp(const Exchange& exchange, std::string_view datagram);

/// "2024-01-31T12:00:00.123Z 10.244.1.5:41000 GET /path 200 15".
std::string
access_log_line(const Exchange& exchange, std::string_view what, int status, std::size_t bytes);

} // namespace labctl::dataplane
