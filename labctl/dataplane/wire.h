#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/base/error.h"

/// The private protocol between the supervisor and its data plane: compact binary records over a
/// SOCK_SEQPACKET pair. Both ends are one binary, so there is no version and numbers are in the
/// machine's byte order. One message holds any number of records, each an Op and its fields;
/// descriptors that ride with a message belong to its records in their order. Texts are a 32-bit
/// length and bytes.
namespace labctl::dataplane {

enum class Op : std::uint8_t {
    // Workload channel, to the child.
    AddPod = 1,   // u32 pod, text namespace, text pod, text node, u8 ready
    SetHealth,    // u32 pod, u32 endpoints: it is a health check
    AddSocket,    // u32 pod, u16 port, u8 protocol; one descriptor
    RemoveSocket, // u32 pod, u16 port
    Confirm,      // u32 pod: answered with Serving
    RemovePod,    // u32 pod
    SetReady,     // u32 pod, u8 ready
    GetLogs,      // u32 request, u32 pod, u32 lines, u8 whether of its sidecar
    GetServed,    // u32 request, u32 pod
    // The same, for DNS. A Corefile begins a new zone, which answers from DnsSynced on; records go
    // to the newest zone.
    AddDns,           // u32 pod, u8 role, u32 count, count x endpoint (name servers), u32 count,
                      // count x text (search list): it is a DNS server
    DnsUpstreamText,  // u32 pod, text: the next piece of the zone of an upstream
    DnsUpstreamFault, // u32 pod, text name, u8 fault
    AddDnsSocket,     // as AddSocket, of a DNS server
    AddDnsStock,      // u32 pod; one descriptor: unbound, to ask others with
    DnsCorefile,      // text: the next piece of it
    DnsFile,          // text path, text: the next piece of a file that the Corefile reads
    DnsBegin,         // the Corefile is complete
    DnsNamespace,     // text
    DnsNamespaceGone, // text
    DnsService,       // text namespace, text name, u8 kind, text external name, u32 count, count x
                      // endpoint, ports
    DnsSlice,         // of that Service: ports, u32 count, count x (endpoint, text host, u8 ready)
    DnsServiceEnd,    // that Service is complete; ports are u32 count, count x (text, u16, u8)
    DnsServiceGone,   // text namespace, text name
    DnsPod,           // endpoint, text namespace
    DnsPodGone,       // endpoint, text namespace
    DnsSynced,
    // The same, for kube-proxy's userspace mode.
    AddProxy, // u32 proxy, u8 is TCP, text node and family, text namespace, text name, text port;
              // one descriptor
    ProxyEndpoints, // u32 proxy, u32 seconds of affinity, u32 count, count x endpoint
    RemoveProxy,    // u32 proxy
    ProxySocket,    // u32 flow; one descriptor: the answer to NeedSocket
    NoProxySocket,  // u32 flow: likewise
    GetClients,     // u32 request: whom the proxies remember
    DnsWatch,       // u8: whether to tell of every query
    // The same, for Ingress controllers.
    AddIngress,        // u32 pod, text controller: it is one, with the rules of that name
    AddIngressSocket,  // u32 pod, u16 port, u8 whether TLS; one descriptor
    IngressRulesPiece, // text controller, text: the next piece of an encode_ingress_table
    IngressRulesEnd,   // text controller: they are complete, and in force from now on
    // The same, for sidecars.
    AddSidecar,        // u32 pod: it has one
    AddSidecarSocket,  // u32 pod, u8 whether inbound; one descriptor
    SidecarRulesPiece, // text: the next piece of an encode_sidecar_table
    SidecarRulesEnd,   // they are complete, and in force from now on
    // The same, for every pod that is a proxy, or has one.
    PodSocket,   // u32 flow; one descriptor: the answer to NeedPodSocket
    NoPodSocket, // u32 flow: likewise
    // Workload channel, from the child.
    Hello = 64, // serving; sent once
    Serving,    // u32 pod
    Logs,       // u32 request, u32 count, count x text
    Served,     // u32 request, u32 lines of the access log so far, u32 ms since the last one
    NeedSocket, // u32 flow, u32 proxy: a socket of its node, family and protocol
    Clients, // u32 request, u8 whether it is the last part, u32 count, count x (u32 proxy, endpoint
             // of the client, endpoint it goes to, u32 ms left)
    DnsQuery, // u32 server's pod, u32 queries left out before, endpoint of the client, u16 id, text
              // name, u16 type, u8 tcp, u16 rcode, u16 flags, u32 bytes, u32 duration us, u8
              // source, endpoint of the upstream
    DnsCrash, // u32 pod, text: its server has ended, and why; Serving when it is back
    WantSockets,   // u32 pod, u8 4 or 6, u8 protocol, u16 count: answered with AddDnsStock
    NeedPodSocket, // u32 flow, u32 pod, u8 4 or 6: a TCP socket of its namespace
    // Probe channel, to the child.
    AddTemplate = 128, // u32 template, u8 scheme, u8 identity, u8 evidence, u32 timeout ms, text
                       // method, text TLS host
    AddPayload,        // u32 template, text: the next piece of what is sent
    DropTemplate,      // u32 template
    AddAuthorities,    // u32 template, text: the next piece of the PEM of who may have signed
    Start,   // u32 job, u32 template, endpoint, u16 source port, u32 exchanges; one descriptor,
             // or two for each server of a look-up
    Dropped, // u32 drop, u8 protocol, endpoint source, u16 sequence, endpoint destination, u32
             // count, count x endpoint (fronts): see DropNotice
    StopJob, // u32 job: nobody wants it any more
    // Probe channel, from the child.
    Sample = 192, // u32 job, u8 outcome, u32 rtt us, u32 drop or 0, text local, text detail, text
                  // backend, text client IP,
                  // u8 the sum of kSampleHas...
                  // http: u16 status, u32 fields, fields x (text, text), text body
                  // dns: text rcode, answers, u32 steps, steps x (text name, text type, text
    // server, u8 tcp, u16 id, text rcode, u32 rtt us, answers); answers are u32 count,
    // count x (text name, text type, u32 ttl, text data)
    // tls: text version, text server name, text subject, text issuer, text not after,
    // text peer identity, u32 count, count x text DNS name
    // grpc: u32 status, text message, text health
    JobDone, // u32 job: no more samples of it will come, though fewer than wanted may have
    // Tunnel channel, to the child. Tables are filled aside, and used from TunnelCommit on; those
    // of Geneve only are named so.
    AddTunnel = 224,  // u32 tunnel, u32 count; descriptors: the TUN device, the socket that
                      // receives, and `count` that send; 0: the same
    RemoveTunnel,     // u32 tunnel
    TunnelBegin,      // u8 services::TunnelFormat, u32 VNI, u8 whether established
                      // conversations go on
    TunnelNodeTable,  // u32 tunnel, endpoint of its end, u32 count, count x endpoint (of a range:
                      // its length for the port), u32 count, count x endpoint of its own, 6 x u8
                      // name of the peer
    GeneveIdentities, // u32 count, count x u32
    GenevePolicies,   // u32 map, u32 count, count x (u32 identity, u8 protocol, u16 first, u16
                      // last, u8 verdict)
    GeneveEndpoints,  // u32 count, count x (endpoint, u32 tunnel, u32 identity, u32 map)
    TunnelCommit,
    // Tunnel channel, from the child.
    TunnelCounters = 248, // u32 tunnel, u32 count, count x (u32 high, u32 low)
    TunnelDrops,          // u32 count, count x (u32 tunnel, u8 reason, u32 identity, text head)
    // Link channel, to the child; see link_wire.h for impairments and counters.
    AddLink = 240, // u32 link, 2 x impairment; descriptors: two TAP devices
    ChangeLink,    // u32 link, 2 x impairment
    RemoveLink,    // u32 link
    // Link channel, from the child.
    LinkCounters = 252, // u32 link, u8 end, counters
};

/// Clients of userspace proxies that one answer tells of.
inline constexpr std::size_t kProxyClientsMax = 1'000'000;

/// Largest message of either side, and what may be kept of a body so that every sample fits into
/// one.
inline constexpr std::size_t kMessageBytesMax = 160U << 10U;
inline constexpr std::size_t kBodyBytesKept = 64U << 10U;
inline constexpr std::size_t kHeadBytesKept = 32U << 10U;
inline constexpr std::size_t kGrpcMessageKept = 4U << 10U;
inline constexpr std::size_t kCertificateNamesKept = 100; // and of each of its texts so much:
inline constexpr std::size_t kCertificateTextKept = 255;
inline constexpr std::size_t kCertificateLongTextKept = 2048; // subject, issuer, SPIFFE ID
inline constexpr std::size_t kShortRecordBytes = 64; // room for a JobDone behind the last sample

inline constexpr std::uint8_t kSampleHasHttp = 1;
inline constexpr std::uint8_t kSampleHasDns = 2;
inline constexpr std::uint8_t kSampleHasTls = 4;
inline constexpr std::uint8_t kSampleHasGrpc = 8;

/// Appends records to a message.
class WireWriter {
public:
    WireWriter& op(Op op) { return number(static_cast<std::uint8_t>(op)); }
    WireWriter& u8(std::uint8_t value) { return number(value); }
    WireWriter& u16(std::uint16_t value) { return number(value); }
    WireWriter& u32(std::uint32_t value) { return number(value); }
    WireWriter& text(std::string_view value) {
        u32(static_cast<std::uint32_t>(value.size()));
        bytes_.append(value);
        return *this;
    }
    /// u32 count, count x text.
    WireWriter& texts(const std::vector<std::string>& values) {
        u32(static_cast<std::uint32_t>(values.size()));
        for (const auto& value : values) {
            text(value);
        }
        return *this;
    }
    WireWriter& endpoint(const netemu::Endpoint& value) {
        u8(value.address.is_v4() ? 4 : 6);
        for (std::size_t i = 0; i < value.address.size(); ++i) {
            u8(value.address.bytes()[i]);
        }
        return u16(value.port);
    }

    /// What another writer has written.
    WireWriter& raw(std::string_view records) {
        bytes_.append(records);
        return *this;
    }

    [[nodiscard]] const std::string& bytes() const { return bytes_; }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    void clear() { bytes_.clear(); }

private:
    template <typename Number>
    WireWriter& number(Number value) {
        static_assert(std::is_unsigned_v<Number>);
        char raw[sizeof value];
        std::memcpy(raw, &value, sizeof value);
        bytes_.append(raw, sizeof value);
        return *this;
    }

    std::string bytes_;
};

/// Takes records off a message. Throws netemu::Error when it ends too early: the other side may be
/// hostile.
class WireReader {
public:
    explicit WireReader(std::string_view bytes) : rest_(bytes) {}

    [[nodiscard]] bool done() const { return rest_.empty(); }
    /// Throws netemu::Error if there is more behind `what`.
    void expect_end(const char* what) const {
        if (!done()) {
            throw netemu::Error(std::string("there is more behind ") + what);
        }
    }
    Op op() { return static_cast<Op>(u8()); }
    std::uint8_t u8() { return number<std::uint8_t>(); }
    std::uint16_t u16() { return number<std::uint16_t>(); }
    std::uint32_t u32() { return number<std::uint32_t>(); }
    std::string_view text() { return take(u32()); }
    std::vector<std::string> texts() {
        std::vector<std::string> values;
        for (auto count = u32(); count > 0; --count) {
            values.emplace_back(text());
        }
        return values;
    }
    netemu::Endpoint endpoint() {
        const bool v4 = u8() == 4;
        const auto bytes = take(v4 ? 4 : 16);
        std::uint8_t raw[16];
        std::memcpy(raw, bytes.data(), bytes.size());
        const auto address =
            netemu::IpAddress::from_bytes(v4 ? netemu::Family::V4 : netemu::Family::V6, raw);
        return {address, u16()};
    }

private:
    std::string_view take(std::size_t size) {
        if (size > rest_.size()) {
            throw netemu::Error("a message of the data plane is cut short");
        }
        const auto taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }
    template <typename Number>
    Number number() {
        Number value{};
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }

    std::string_view rest_;
};

} // namespace labctl::dataplane
