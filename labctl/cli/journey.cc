#include "labctl/cli/journey.h"

#include <algorithm>

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

namespace labctl::cli {

using netemu::CapturedPacket;
using netemu::CapturePlace;
using netemu::PacketDirection;
using netemu::PacketLevel;
using nlohmann::json;

namespace {

constexpr std::uint64_t kNsPerMicro = 1000;
// What comes later is the packet sent once more (RFC 6298: after a second).
constexpr std::uint64_t kRetransmissionNs = 500'000'000;

struct Sighting {
    const CapturedPacket* packet;
    std::vector<PacketLevel> levels;

    /// The packet that tunnels carry.
    [[nodiscard]] const PacketLevel& inner() const { return levels.back(); }
};

bool is_echo(const PacketLevel& level, std::uint8_t type4, std::uint8_t type6) {
    return level.icmp && level.ip && level.icmp->type == (level.ip->source.is_v4() ? type4 : type6);
}

bool is_unreachable(const PacketLevel& level) {
    return is_echo(level, ICMP_UNREACH, ICMP6_DST_UNREACH);
}

bool begins(const Sighting& seen, const JourneyQuestion& question) {
    const auto& level = seen.inner();
    if (!level.ip || level.ip->destination != question.to.address ||
        (question.from && level.ip->source != *question.from)) {
        return false;
    }
    if (question.protocol == IPPROTO_ICMP) {
        return is_echo(level, ICMP_ECHO, ICMP6_ECHO_REQUEST);
    }
    if (level.ip->protocol != question.protocol || !level.transport ||
        level.transport->destination != question.to.port) {
        return false;
    }
    constexpr unsigned kOfInterest = netemu::tcp_flags::kSyn | netemu::tcp_flags::kAck;
    return question.protocol != IPPROTO_TCP ||
           (level.transport->tcp_flags & kOfInterest) == netemu::tcp_flags::kSyn;
}

/// Whether two packets are one, whatever addresses and ports they have by now.
bool same(const PacketLevel& a, const PacketLevel& b) {
    if (!a.ip || !b.ip || a.ip->protocol != b.ip->protocol || a.payload != b.payload) {
        return false;
    }
    if (a.ip->protocol == IPPROTO_TCP) {
        return a.transport && b.transport && a.transport->tcp_flags == b.transport->tcp_flags &&
               a.transport->sequence == b.transport->sequence &&
               a.transport->acknowledgement == b.transport->acknowledgement;
    }
    if (a.icmp) {
        return b.icmp && a.icmp->type == b.icmp->type && a.icmp->code == b.icmp->code &&
               a.icmp->sequence == b.icmp->sequence;
    }
    return a.transport && b.transport;
}

/// Whether `level` answers `request`, both as the sender of the request has them.
bool answers(const PacketLevel& level, const PacketLevel& request) {
    if (!level.ip || level.ip->destination != request.ip->source) {
        return false;
    }
    if (is_unreachable(level)) {
        return true;
    }
    if (request.icmp) {
        return is_echo(level, ICMP_ECHOREPLY, ICMP6_ECHO_REPLY) &&
               level.icmp->sequence == request.icmp->sequence;
    }
    if (level.ip->protocol != request.ip->protocol || !level.transport ||
        level.transport->destination != request.transport->source) {
        return false;
    }
    constexpr unsigned kDecided = netemu::tcp_flags::kSyn | netemu::tcp_flags::kRst;
    return request.ip->protocol != IPPROTO_TCP ||
           (level.transport->acknowledgement == request.transport->sequence + 1 &&
            (level.transport->tcp_flags & kDecided) != 0);
}

std::string
end_text(const netemu::IpAddress& address, std::uint16_t port, const AddressNames& names) {
    const auto found = names.find(address.to_string());
    auto text = port == 0 ? address.to_string() : netemu::Endpoint{address, port}.to_string();
    return found == names.end() ? text : text + " (" + found->second + ")";
}

json notes_between(const Sighting& before, const Sighting& now, const AddressNames& names) {
    json notes = json::array();
    const auto& old = before.inner();
    const auto& level = now.inner();
    const auto port = [](const PacketLevel& of, bool source) -> std::uint16_t {
        return !of.transport ? 0 : source ? of.transport->source : of.transport->destination;
    };
    if (old.ip->destination != level.ip->destination || port(old, false) != port(level, false)) {
        notes.push_back(
            "destination translated to " +
            end_text(level.ip->destination, port(level, false), names));
    }
    if (old.ip->source != level.ip->source || port(old, true) != port(level, true)) {
        notes.push_back(
            "source translated to " + end_text(level.ip->source, port(level, true), names));
    }
    if (old.ip->hops > level.ip->hops) {
        notes.push_back("routed, TTL now " + std::to_string(level.ip->hops));
    }
    if (now.levels.size() > before.levels.size()) {
        const auto& outer = now.levels.front();
        notes.push_back(
            "wrapped in " + netemu::tunnel_text(outer) + " to " +
            end_text(outer.ip->destination, 0, names));
    } else if (now.levels.size() < before.levels.size()) {
        notes.push_back("unwrapped");
    }
    return notes;
}

class Journey {
public:
    Journey(
        const std::vector<Sighting>& seen,
        const std::vector<CapturePlace>& places,
        const AddressNames& names)
        : seen_(seen), places_(places), names_(names) {}

    [[nodiscard]] json find(const JourneyQuestion& question) const {
        const auto first = std::find_if(seen_.begin(), seen_.end(), [&](const Sighting& each) {
            return begins(each, question);
        });
        if (first == seen_.end()) {
            return {{"there", json::array()}, {"back", json::array()}};
        }
        const auto start = first->packet->time_ns;
        // The answer as it reaches the place where the packet began.
        const auto answer = std::find_if(first, seen_.end(), [&](const Sighting& each) {
            return each.packet->place == first->packet->place &&
                   each.packet->direction != first->packet->direction &&
                   answers(each.inner(), first->inner());
        });
        return {
            {"there", trail(*first, start)},
            {"back", answer == seen_.end() ? json::array() : trail(*answer, start)}};
    }

private:
    [[nodiscard]] json trail(const Sighting& like, std::uint64_t start) const {
        json steps = json::array();
        const Sighting* before = nullptr;
        for (const auto& each : seen_) {
            const auto at = each.packet->time_ns;
            if (at < start || at > start + kRetransmissionNs || !same(each.inner(), like.inner())) {
                continue;
            }
            steps.push_back(
                {{"place", places_.at(each.packet->place).name},
                 {"direction", each.packet->direction == PacketDirection::In ? "in" : "out"},
                 {"micros", (at - start) / kNsPerMicro},
                 {"summary", netemu::packet_summary(each.levels)},
                 {"notes",
                  before == nullptr ? json::array() : notes_between(*before, each, names_)}});
            before = &each;
        }
        return steps;
    }

    const std::vector<Sighting>& seen_;
    const std::vector<CapturePlace>& places_;
    const AddressNames& names_;
};

} // namespace

json find_journey(
    const std::vector<CapturedPacket>& packets,
    const std::vector<CapturePlace>& places,
    const JourneyQuestion& question,
    const AddressNames& names) {
    std::vector<Sighting> seen;
    seen.reserve(packets.size());
    for (const auto& packet : packets) {
        seen.push_back({&packet, netemu::decode_packet(packet, places.at(packet.place).link_type)});
    }
    return Journey(seen, places, names).find(question);
}

} // namespace labctl::cli
