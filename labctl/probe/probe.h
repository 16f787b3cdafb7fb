#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Probes as data: the contract of `labctl probe` (one packet exchange each) as values. Pure.
namespace labctl::probe {

enum class Scheme { Tcp, Udp, Icmp, Http, Dns, Sctp, Https, Grpc };
enum class Outcome {
    Ok,
    Refused,     // RST, or ICMP port unreachable
    Unreachable, // other ICMP errors, or no route
    Timeout,
    Reset, // after connect
    DnsError,
    TlsError,
    Unsupported, // never counted as a denial
};
std::string to_string(Outcome outcome); // "ok", "dns-error", ...
std::string to_string(Scheme scheme);
/// Whether it is http, https or grpc: whatever has a path, fields, a body and a status.
constexpr bool is_http(Scheme scheme) {
    return scheme == Scheme::Http || scheme == Scheme::Https || scheme == Scheme::Grpc;
}

/// What a grpc target calls that names no method.
inline constexpr const char* kGrpcHealthCheck = "/grpc.health.v1.Health/Check";

/// What a dns target asks: dns://NAME[?type=T&tcp=BOOL&search=BOOL&server=ADDRESS[:PORT]].
struct DnsQuery {
    std::string type = "A"; // A, AAAA, SRV, PTR, CNAME, TXT, NS, SOA, MX or ANY
    bool tcp = false;       // over TCP from the start
    bool search = true;     // try the search list of the source's resolv.conf
    std::string server;     // an address, perhaps with a port; empty: those of resolv.conf
};

/// The parts of `to`: scheme://HOST[:PORT][/PATH?QUERY]. HOST is an address (IPv6 in brackets), a
/// name, or pod:NS/NAME. PORT is a number or a port name.
struct Target {
    Scheme scheme = Scheme::Tcp;
    std::string host;
    std::string port;       // empty: the scheme's own (http 80, https 443)
    std::string path = "/"; // of grpc "/package.Service/Method"
    DnsQuery dns;           // only for dns
    std::string text;       // as it was written
    /// Throws netemu::UsageError that quotes the text and says what is wrong.
    static Target parse(const std::string& text);
};

struct Request {
    std::string id;
    std::string from; // "NS/POD", "node/NAME" or "external"; a bare POD means default/POD
    Target to;
    std::string via;            // node that `external` goes through, or empty
    std::string method = "GET"; // of grpc always POST
    std::map<std::string, std::string> headers;
    std::string body; // of grpc the message, as protobuf has it, without gRPC's prefix
    std::uint64_t timeout_ms = 1000; // 1 to 600000
    std::uint32_t count = 1;         // 1 to 1000000
    std::uint32_t concurrency = 1;   // 1 to 512
    bool reuse_connection = false;
    bool samples = false;
    std::uint16_t source_port = 0; // 0: the kernel chooses
    /// icmp: bytes of the IP packet, which nobody may fragment; kPacketBytesMin to 65535. 0: as
    /// large as ping(8) sends, and free to be cut.
    std::uint32_t size = 0;
    /// A rule that drops its packet ends it at once; else it waits for the whole time-out.
    bool evidence = true;
    bool identify = true; // tcp: ask who answers; else the handshake is all that is wanted
    /// https: PEM of the authorities that the server's certificate must lead to, and then it must
    /// be for the host, too. Empty: any certificate will do. At most kCaBytesMax.
    std::string ca;
};

inline constexpr std::size_t kCaBytesMax = 1U << 20U;

/// What every IPv4 link carries (RFC 791, section 3.2).
inline constexpr std::uint32_t kPacketBytesMin = 68;
inline constexpr std::uint32_t kPacketBytesMax = 65535;

struct RequestList {
    std::vector<Request> probes;
    bool sequential = false;
};

/// Reads the JSON of the contract. Unknown fields are errors (with a suggestion), since a misspelt
/// one would silently test something else. Throws netemu::UsageError with the path of the field.
RequestList parse_requests(const nlohmann::json& document);
nlohmann::json to_json(const RequestList& requests);

struct Http {
    int status = 0;
    std::map<std::string, std::string> headers; // lower case names
    std::string body;
};

/// How a call of gRPC has ended. What it has said is in Http: the metadata, of head and trailers,
/// and the messages without their prefixes.
struct Grpc {
    int status = 0;      // see grpc_status.h; what HTTP's status means where there is none of gRPC
    std::string message; // of whoever refused it
    /// Of kGrpcHealthCheck with status OK: "SERVING", "NOT_SERVING", "UNKNOWN" or
    /// "SERVICE_UNKNOWN".
    std::string health;
    bool operator==(const Grpc&) const = default;
};

/// The TLS session that an exchange over https had, and the certificate that the server has shown
/// (empty where a handshake failed before that). Text of a certificate is printable.
struct Tls {
    std::string version;     // "TLSv1.3"
    std::string server_name; // that was sent (SNI), or empty
    std::string subject;     // "CN=web,O=lab"
    std::string issuer;
    std::vector<std::string> dns_names;
    std::string not_after; // RFC 3339
    bool operator==(const Tls&) const = default;
};

/// One record of a DNS answer.
struct DnsAnswer {
    std::string name; // with the final dot
    std::string type; // "A", or "TYPE1234" (RFC 3597)
    std::uint32_t ttl = 0;
    std::string data; // as dig(1) prints it
};

/// The rule that dropped a packet of a probe, as the packet log of a node told it.
struct Drop {
    std::string node;
    std::string direction; // "egress" (at the source), "ingress"; empty: the rule does not say
    /// Who owns the rule: "networkpolicy/NS/NAME", "adminnetworkpolicy/NAME"; empty: no policy.
    std::string by;
    /// All that have a share in it, `by` the first: every NetworkPolicy that isolates the pod.
    std::vector<std::string> policies;
    std::optional<std::size_t> rule; // in the policy's list; nullopt: none of its rules allows it
    std::string prefix;              // that the rule logs with
    std::string text;                // one sentence: "dropped on node-2 by NetworkPolicy ..."
    /// Where the packet was going when it was dropped: of a Service the endpoint that was chosen.
    /// "ADDRESS:PORT", without the port where the protocol has none; empty: not told.
    std::string destination{};
    bool operator==(const Drop&) const = default;
};

/// One exchange.
struct Sample {
    Outcome outcome = Outcome::Timeout;
    std::uint64_t rtt_us = 0;
    std::string remote;    // "ADDRESS:PORT" that was dialled, after names were resolved
    std::string backend;   // "NS/POD" as the built-in workload says, or empty
    std::string client_ip; // as the built-in workload saw it, or empty
    std::optional<Http> http;
    std::optional<Grpc> grpc;
    std::optional<Tls> tls; // of https, with TlsError, too, if the server has shown a certificate
    /// The SPIFFE ID in that certificate; without TLS, that of the built-in workload, if its
    /// sidecar has told it; or empty.
    std::string peer_identity;
    std::string client_identity; // as that workload's sidecar has seen it proved, or empty
    /// Of a look-up, by dns or of a name in `to` that failed: "NOERROR", "NXDOMAIN", ..., or, where
    /// no answer came, "timeout" or "unreachable". Empty: there was none to tell of.
    std::string rcode;
    std::vector<DnsAnswer> answers;
    std::optional<Drop> drop; // what dropped it; only with Timeout and DnsError
    std::string error;        // for people; empty when ok
};

struct Result {
    std::string id;
    Sample first;         // the first sample; for count > 1, of the most frequent outcome
    std::string resolved; // address that a name gave, or empty
    std::uint32_t attempts = 0;
    std::uint64_t rtt_us = 0;     // median over the ok ones
    std::uint64_t elapsed_us = 0; // of all exchanges together, whatever came of them
    std::map<std::string, std::uint32_t> outcomes;
    std::map<std::string, std::uint32_t> backends;
    std::map<std::string, std::uint32_t> statuses;      // HTTP status -> count
    std::map<std::string, std::uint32_t> grpc_statuses; // name of gRPC's status -> count
    std::map<std::string, std::uint32_t> grpc_health;   // Grpc::health -> count
    std::uint32_t dropped = 0;                          // how many have a `drop`
    std::vector<Drop> other_drops; // the distinct ones besides that of `first`, in their order
    std::vector<Sample> samples;   // only if asked for
};

/// The distinct ones of all exchanges.
std::vector<Drop> drops_of(const Result& result);

nlohmann::json to_json(const Drop& drop);
nlohmann::json to_json(const Result& result);
Result result_from_json(const nlohmann::json& object);
/// The answer to a list of probes, with schemaVersion, as JSON text. One result after the other is
/// written and read, for a matrix has tens of thousands, which are slow to hold as one document.
std::string results_text(const std::vector<Result>& results);
/// Throws netemu::UsageError if it is none.
std::vector<Result> results_from_text(std::string_view text);

} // namespace labctl::probe
