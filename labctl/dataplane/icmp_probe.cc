#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/probe_tasks.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kPayloadBytes = 56; // as ping(8) sends

/// The header that echo requests of both families share (RFC 792, RFC 4443).
struct EchoHeader {
    std::uint8_t type;
    std::uint8_t code;
    std::uint16_t checksum;
    std::uint16_t id;
    std::uint16_t sequence;
};
using EchoMessage = std::vector<std::uint8_t>;

/// RFC 1071.
std::uint16_t internet_checksum(const EchoMessage& message) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < message.size(); i += 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, message.data() + i, std::min<std::size_t>(2, message.size() - i));
        sum += word;
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(~sum);
}

/// icmp: an echo request on a raw socket; ok if its own reply comes. One with a payload has the
/// size that is asked for, so it is not to be fragmented on its way.
class IcmpProbe final : public ProbeTask {
public:
    IcmpProbe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket)
        : ProbeTask(host, std::move(job), std::move(socket)),
          v6_(this->job().remote.address.is_v6()),
          id_(htons(static_cast<std::uint16_t>(this->job().id & 0xffffU))),
          sequence_(htons(static_cast<std::uint16_t>(this->job().id >> 16U))) {}

    void start() override {
        report_icmp_errors(fd(), v6_);
        accept_replies_only();
        if (!connect()) {
            return;
        }
        if (!data().empty()) {
            forbid_fragments();
        }
        const auto request = echo_request();
        started_ = netemu::Clock::now();
        if (::send(fd(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
            return fail("send", errno);
        }
        const int protocol = v6_ ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
        await_drop(static_cast<std::uint8_t>(protocol), ntohs(id_), ntohs(sequence_));
        watch(EPOLLIN);
        set_deadline(timeout_from(started_));
    }

private:
    [[nodiscard]] const std::string& data() const { return job().what->payload; }

    /// IP_PMTUDISC_DO of ip(7): what the path is known not to take is not sent.
    void forbid_fragments() const {
        static_assert(int{IPV6_PMTUDISC_DO} == int{IP_PMTUDISC_DO});
        const int always = IP_PMTUDISC_DO;
        ::setsockopt(
            fd(),
            v6_ ? IPPROTO_IPV6 : IPPROTO_IP,
            v6_ ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
            &always,
            sizeof always);
    }

    void fail(const char* attempt, int error) {
        if (error != EMSGSIZE) {
            return finish_error(attempt, error, false);
        }
        int mtu = 0; // of the path, as far as the kernel knows it
        socklen_t size = sizeof mtu;
        ::getsockopt(fd(), v6_ ? IPPROTO_IPV6 : IPPROTO_IP, v6_ ? IPV6_MTU : IP_MTU, &mtu, &size);
        ProbeOutcome outcome;
        outcome.outcome = outcome_of_errno(error, false);
        outcome.rtt_us = elapsed_us();
        outcome.detail = std::string(attempt) + ": the packet is too large, the path takes " +
                         std::to_string(mtu) + " bytes";
        finish(std::move(outcome));
    }

    void accept_replies_only() const {
        if (v6_) {
            icmp6_filter filter{};
            ICMP6_FILTER_SETBLOCKALL(&filter);
            ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
            ::setsockopt(fd(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
        } else {
            constexpr int kIcmpFilter = 1; // ICMP_FILTER of linux/icmp.h
            const std::uint32_t blocked = ~(1U << ICMP_ECHOREPLY);
            ::setsockopt(fd(), SOL_RAW, kIcmpFilter, &blocked, sizeof blocked);
        }
    }

    [[nodiscard]] EchoMessage echo_request() const {
        EchoMessage message(sizeof(EchoHeader) + (data().empty() ? kPayloadBytes : data().size()));
        EchoHeader header{};
        header.type = v6_ ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
        header.id = id_;
        header.sequence = sequence_;
        std::memcpy(message.data(), &header, sizeof header);
        for (std::size_t i = sizeof header; i < message.size(); ++i) {
            message[i] = static_cast<std::uint8_t>(i);
        }
        if (!v6_) { // the kernel computes that of ICMPv6 (RFC 3542 section 3.1)
            header.checksum = internet_checksum(message);
            std::memcpy(message.data(), &header, sizeof header);
        }
        return message;
    }

    void on_events(std::uint32_t events) override {
        if ((events & EPOLLERR) != 0 && read_errors()) {
            return;
        }
        std::array<std::uint8_t, 2048> buffer; // NOLINT: filled by recv
        for (;;) {
            const auto size = ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (size < 0) {
                return; // nothing more, or the error of another probe's packet, which is cleared by
                        // this
            }
            if (is_our_reply(buffer.data(), static_cast<std::size_t>(size))) {
                ProbeOutcome outcome;
                outcome.outcome = probe::Outcome::Ok;
                outcome.rtt_us = elapsed_us();
                return finish(std::move(outcome));
            }
        }
    }

    void on_deadline() override { finish_timeout("echo request"); }

    [[nodiscard]] bool is_our_reply(const std::uint8_t* packet, std::size_t size) const {
        // A raw IPv4 socket sees the IP header, an IPv6 one does not (raw(7), RFC 3542).
        const std::size_t offset =
            v6_ || size == 0 ? 0 : static_cast<std::size_t>(packet[0] & 0xfU) * 4;
        return matches(packet, size, offset, v6_ ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY);
    }

    [[nodiscard]] bool matches(
        const std::uint8_t* bytes, std::size_t size, std::size_t offset, std::uint8_t type) const {
        EchoHeader header{};
        if (size < offset + sizeof header) {
            return false;
        }
        std::memcpy(&header, bytes + offset, sizeof header);
        return header.type == type && header.id == id_ && header.sequence == sequence_;
    }

    /// Reads the error queue; true if an error of our own request has ended the task.
    bool read_errors() {
        std::string packet;
        while (const int error = queued_icmp_error(fd(), &packet)) {
            const auto* bytes =
                reinterpret_cast<const std::uint8_t*>(packet.data()); // NOLINT: bytes are bytes
            if (matches(bytes, packet.size(), 0, v6_ ? ICMP6_ECHO_REQUEST : ICMP_ECHO)) {
                fail("echo request", error);
                return true;
            }
        }
        (void)pending_error(); // that of another probe's packet to the same address
        return false;
    }

    bool v6_;
    std::uint16_t id_; // network order
    std::uint16_t sequence_;
};

} // namespace

std::unique_ptr<ProbeTask> make_icmp_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket) {
    return std::make_unique<IcmpProbe>(host, std::move(job), std::move(socket));
}

} // namespace labctl::dataplane
