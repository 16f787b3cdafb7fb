#include "labctl/dataplane/probe_tasks.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "labctl/dataplane/workload.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::dataplane {

namespace {

/// The value of a field in an HTTP head, or "".
std::string_view head_field(std::string_view head, std::string_view name) {
    for (auto at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at + 1)) {
        const auto line = head.substr(at + 1, head.find('\r', at + 1) - at - 1);
        if (line.size() > name.size() && line[name.size()] == ':' &&
            mesh::equals_ignore_case(line.substr(0, name.size()), name)) {
            const auto value = line.substr(name.size() + 1);
            return value.substr(std::min(value.find_first_not_of(' '), value.size()));
        }
    }
    return {};
}

} // namespace

std::unique_ptr<ProbeTask> ProbeTask::make(
    ProbeHost& host,
    ProbeJob job,
    netemu::UniqueFd socket,
    std::vector<netemu::UniqueFd> more_sockets) {
    switch (job.what->scheme) {
    case probe::Scheme::Tcp:
        return make_tcp_probe(host, std::move(job), std::move(socket));
    case probe::Scheme::Udp:
        return make_udp_probe(host, std::move(job), std::move(socket));
    case probe::Scheme::Icmp:
        return make_icmp_probe(host, std::move(job), std::move(socket));
    case probe::Scheme::Http:
    case probe::Scheme::Https:
        return make_http_probe(host, std::move(job), std::move(socket));
    case probe::Scheme::Grpc:
        return make_grpc_probe(host, std::move(job), std::move(socket));
    case probe::Scheme::Dns:
        return make_dns_probe(host, std::move(job), std::move(socket), std::move(more_sockets));
    case probe::Scheme::Sctp:
        return make_sctp_probe(host, std::move(job), std::move(socket));
    }
    throw netemu::Error("a probe of a scheme that has no socket");
}

void close_with_reset(int socket) {
    const linger reset{1, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

void report_icmp_errors(int socket, bool ipv6) {
    const int on = 1;
    ::setsockopt(
        socket, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on);
}

int queued_icmp_error(int socket, std::string* packet) {
    std::array<char, 512> bytes{};
    alignas(cmsghdr) std::array<char, 512> control{};
    iovec vector{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto size = ::recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (size < 0) {
        return 0;
    }
    if (packet != nullptr) {
        packet->assign(bytes.data(), static_cast<std::size_t>(size));
    }
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        const bool v4 = header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR;
        const bool v6 = header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR;
        if (v4 || v6) {
            sock_extended_err error{};
            std::memcpy(&error, CMSG_DATA(header), sizeof error);
            return static_cast<int>(error.ee_errno);
        }
    }
    return EHOSTUNREACH;
}

void add_fields(const mesh::Headers& from, std::map<std::string, std::string>& to) {
    for (const auto& field : from.fields()) {
        auto& value = to[netemu::to_lower(field.name)];
        value = value.empty() ? field.value : value + ", " + field.value;
    }
}

bool is_plausible_identity(std::string_view text) {
    return !text.empty() && text.size() <= 512 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

void note_identity(std::string_view backend, std::string_view client, ProbeOutcome& outcome) {
    if (is_plausible_identity(backend)) {
        outcome.backend = backend;
        outcome.client_ip = is_plausible_identity(client) ? client : std::string_view();
    }
}

void note_identity(std::string_view reply, ProbeOutcome& outcome) {
    const auto end = reply.find("\r\n\r\n");
    if (end != std::string_view::npos && reply.starts_with("HTTP/1.")) {
        const auto head = reply.substr(0, end + 2);
        note_identity(head_field(head, kBackendField), head_field(head, kClientField), outcome);
    }
}

std::string sidecar_refusal(std::string_view reply) {
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    constexpr std::size_t kStatusDigits = 3;
    const auto end = reply.find("\r\n\r\n");
    if (end == std::string_view::npos || !reply.starts_with(kVersion)) {
        return {};
    }
    const bool in_place = !head_field(reply.substr(0, end + 2), kInPlaceField).empty();
    return in_place ? std::string(reply.substr(kVersion.size(), kStatusDigits)) : std::string();
}

} // namespace labctl::dataplane
