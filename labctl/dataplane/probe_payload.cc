#include "labctl/dataplane/probe_payload.h"

#include "mesh/http/grpc.h"
#include "mesh/http/message.h"
#include "mesh/http/writer.h"

namespace labctl::dataplane {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;
constexpr std::string_view kDatagram =
    "labctl probe"; // nothing that a workload has a special answer for

std::string http_request(const ResolvedRequest& resolved) {
    const auto& wanted = resolved.request;
    const bool grpc = wanted.to.scheme == probe::Scheme::Grpc;
    mesh::Request request;
    request.method = grpc ? "POST" : wanted.method;
    request.target = wanted.to.path;
    request.body = grpc ? mesh::grpc_frame(wanted.body) : wanted.body;
    for (const auto& [name, value] : wanted.headers) {
        request.headers.add(name, value);
    }
    if (!request.headers.has("host")) {
        request.headers.add("host", host_field(resolved));
    }
    if (!request.headers.has("user-agent")) {
        request.headers.add("user-agent", "labctl-probe");
    }
    if (grpc) {
        if (!request.headers.has("content-type")) {
            request.headers.add("content-type", std::string(mesh::kGrpcContentType));
        }
        request.headers.set("te", "trailers");
    } else if (!request.headers.has("accept")) {
        request.headers.add("accept", "*/*");
    }
    return mesh::to_bytes(request);
}

/// What an echo request carries to be a packet of the size that is asked for; nothing where that
/// does not matter.
std::string echo_data(const ResolvedRequest& request) {
    constexpr std::size_t kHeaders = 20 + 8; // RFC 791 and RFC 792
    constexpr std::size_t kHeadersV6 = 40 + 8;
    const auto headers = request.address.is_v6() ? kHeadersV6 : kHeaders;
    const std::size_t size = request.request.size;
    return std::string(size > headers ? size - headers : 0, 'x');
}

} // namespace

/// What a browser would put into Host for this target (RFC 9110 section 7.2).
std::string host_field(const ResolvedRequest& request) {
    const auto& written = request.request.to.host;
    const bool by_address = written.starts_with("pod:") || written.find(':') != std::string::npos;
    auto host = by_address ? request.address.to_string() : written;
    if (by_address && request.address.is_v6()) {
        host = "[" + host + "]";
    }
    const auto scheme = request.request.to.scheme;
    const auto usual = scheme == probe::Scheme::Https  ? kHttpsPort
                       : scheme == probe::Scheme::Http ? kHttpPort
                                                       : std::uint16_t{0}; // gRPC tells it always
    return request.port == usual ? host : host + ":" + std::to_string(request.port);
}

std::string probe_payload(const ResolvedRequest& request) {
    switch (request.request.to.scheme) {
    case probe::Scheme::Http:
    case probe::Scheme::Https:
    case probe::Scheme::Grpc:
        return http_request(request);
    case probe::Scheme::Udp:
        return request.request.body.empty() ? std::string(kDatagram) : request.request.body;
    case probe::Scheme::Icmp:
        return echo_data(request);
    case probe::Scheme::Dns:
        return encode_lookup(request.lookup.value());
    default:
        return {};
    }
}

std::string tls_host(const ResolvedRequest& request) {
    const auto& written = request.request.to.host;
    if (!written.starts_with("pod:") && !netemu::IpAddress::parse(written)) {
        return written;
    }
    for (const auto& [name, value] : request.request.headers) {
        if (!mesh::equals_ignore_case(name, "host")) {
            continue;
        }
        auto host = value.substr(0, value.find(':')); // IPv6 has brackets, and is no name
        if (!host.empty() && !host.starts_with('[') && !netemu::IpAddress::parse(host)) {
            return host;
        }
    }
    return request.address.to_string();
}

} // namespace labctl::dataplane
