#include "netemu/kernel/packet_trace.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "netemu/base/error.h"
#include "netemu/kernel/attributes.h"
#include "netemu/kernel/kernel.h"
#include "netemu/kernel/nft_codec.h"

namespace netemu {

namespace {

/// Before connection tracking and everything of ours: the earliest that others use is -400.
constexpr int kTracePriority = -450;
constexpr std::size_t kTraceReadsMax = 4096;

std::uint32_t be32(const Attributes& attributes, unsigned type) {
    return ntohl(attributes.u32(type).value_or(0));
}

/// NFTA_VERDICT_CODE is signed: codes of nftables itself are below zero.
std::string verdict_text(const Attributes& verdict) {
    const auto chain = verdict.text(NFTA_VERDICT_CHAIN);
    switch (static_cast<int>(be32(verdict, NFTA_VERDICT_CODE))) {
    case NF_DROP:
        return "drop";
    case NF_ACCEPT:
        return "accept";
    case NF_STOLEN:
        return "stolen"; // a rule answers instead, as `reject` of a bridge
    case NF_QUEUE:
        return "queue";
    case NFT_CONTINUE:
        return "continue";
    case NFT_BREAK:
        return "break";
    case NFT_JUMP:
        return "jump " + chain;
    case NFT_GOTO:
        return "goto " + chain;
    case NFT_RETURN:
        return "return";
    default:
        return "verdict " + std::to_string(static_cast<int>(be32(verdict, NFTA_VERDICT_CODE)));
    }
}

/// The headers that the kernel copied for the trace, as one packet.
void add_packet(const Attributes& attributes, TracedStep& step) {
    constexpr std::size_t kSequenceEnd = 8; // RFC 9293, section 3.1
    constexpr unsigned kWords = 0x0f;       // the header's length (RFC 791, section 3.1)
    auto network = attributes.bytes(NFTA_TRACE_NETWORK_HEADER);
    if (!network.empty() && network[0] >> 4U == 4) { // it may come with some of what follows
        network = network.first(
            std::min<std::size_t>(network.size(), (network[0] & kWords) * std::size_t{4}));
    }
    const auto transport = attributes.bytes(NFTA_TRACE_TRANSPORT_HEADER);
    std::vector<std::uint8_t> bytes(network.begin(), network.end());
    bytes.insert(bytes.end(), transport.begin(), transport.end());
    step.packet = read_headers(bytes);
    if (step.packet && step.packet->protocol == IPPROTO_TCP && transport.size() >= kSequenceEnd) {
        step.tcp_sequence = static_cast<std::uint32_t>(decode_wide_number(transport.subspan(4, 4)));
    }
}

/// One rule for each filter that packets of the family can match.
std::vector<NftRule> trace_rules(NftFamily family, const std::vector<TraceFilter>& filters) {
    std::vector<NftRule> rules;
    for (const auto& filter : filters) {
        const auto& to = filter.to.address;
        NftRule rule;
        if (family == NftFamily::Bridge) {
            rule.statements.emplace_back(NftMatchEtherType{
                to.is_v4() ? std::uint16_t{ETH_P_IP} : std::uint16_t{ETH_P_IPV6}});
        }
        rule.statements.emplace_back(
            NftMatchAddress{NftMatchAddress::Field::Destination, IpPrefix::host(to)});
        rule.statements.emplace_back(NftMatchProtocol{filter.protocol});
        if (filter.to.port != 0) {
            rule.statements.emplace_back(
                NftMatchPort{NftMatchPort::Side::Destination, filter.to.port, filter.to.port});
        }
        rule.statements.emplace_back(NftTrace{});
        rules.push_back(std::move(rule));
    }
    return rules;
}

} // namespace

std::optional<TracedStep> decode_trace(const nlmsghdr* message) {
    const auto family = decode_nft_family(message);
    if (!family) {
        return std::nullopt;
    }
    const Attributes attributes(message, sizeof(nfgenmsg));
    TracedStep step;
    step.family = *family;
    step.id = be32(attributes, NFTA_TRACE_ID);
    step.table = attributes.text(NFTA_TRACE_TABLE);
    step.chain = attributes.text(NFTA_TRACE_CHAIN);
    step.handle = decode_wide_number(attributes.bytes(NFTA_TRACE_RULE_HANDLE));
    switch (be32(attributes, NFTA_TRACE_TYPE)) {
    case NFT_TRACETYPE_RULE:
        // What stands behind the last rule of a chain has no handle.
        step.kind = step.handle == 0 ? TracedStep::Kind::Return : TracedStep::Kind::Rule;
        step.verdict = verdict_text(attributes.nested(NFTA_TRACE_VERDICT));
        break;
    case NFT_TRACETYPE_RETURN:
        step.kind = TracedStep::Kind::Return;
        step.verdict = verdict_text(attributes.nested(NFTA_TRACE_VERDICT));
        break;
    case NFT_TRACETYPE_POLICY:
        step.kind = TracedStep::Kind::Policy;
        step.verdict = be32(attributes, NFTA_TRACE_POLICY) == NF_DROP ? "drop" : "accept";
        break;
    default:
        return std::nullopt;
    }
    if (attributes.has(NFTA_TRACE_NETWORK_HEADER)) {
        add_packet(attributes, step);
    }
    return step;
}

PacketTrace::PacketTrace(
    Kernel& kernel, const std::string& ns, const std::vector<TraceFilter>& filters)
    : ns_(ns), socket_(kernel.open_socket(ns, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)) {
    const int group = NFNLGRP_NFTRACE;
    check_syscall(
        ns + ": listen to the trace of packets",
        ::setsockopt(socket_.fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group));
    add_table(NftFamily::Inet, filters);
    try {
        add_table(NftFamily::Bridge, filters);
    } catch (const SysError& error) {
        if (error.error_number() != EOPNOTSUPP && error.error_number() != EAFNOSUPPORT) {
            throw;
        }
    } // without rules of bridges there is nothing there to trace
}

void PacketTrace::add_table(NftFamily family, const std::vector<TraceFilter>& filters) {
    NftTable table;
    table.family = family;
    table.name = kTable;
    table.chains.push_back(
        {"prerouting",
         NftBase{"filter", NftHook::Prerouting, kTracePriority, NftVerdict::Accept},
         trace_rules(family, filters)});
    if (family != NftFamily::Bridge) { // what a bridge sends itself went through the others
        table.chains.push_back(
            {"output",
             NftBase{"filter", NftHook::Output, kTracePriority, NftVerdict::Accept},
             trace_rules(family, filters)});
    }
    const auto program = encode_owned_table(table);
    const auto failures = socket_.send(program.batch());
    if (!failures.empty()) {
        throw SysError(
            ns_ + ": trace packets in its rules",
            failures.front().error_number,
            failures.front().text);
    }
}

void PacketTrace::read(const Each& each) {
    constexpr unsigned kTraceMessage = (NFNL_SUBSYS_NFTABLES << 8U) | NFT_MSG_TRACE;
    for (std::size_t i = 0; i < kTraceReadsMax; ++i) {
        alignas(nlmsghdr) std::array<char, 8192> buffer; // NOLINT: filled by recv
        const auto size = ::recv(socket_.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size < 0 && (errno == EINTR || errno == ENOBUFS)) {
            continue;
        }
        if (size <= 0) {
            return;
        }
        auto rest = static_cast<int>(size);
        const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
        for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
            if (message->nlmsg_type != kTraceMessage) {
                continue;
            }
            if (const auto step = decode_trace(message); step && step->table != kTable) {
                each(*step);
            }
        }
    }
}

} // namespace netemu
