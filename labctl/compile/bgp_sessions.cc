#include "labctl/compile/bgp_sessions.h"

namespace labctl::compile {

namespace {

using netemu::IpAddress;

std::string protocol_name(const char* kind, const IpAddress& peer) {
    auto name = kind + peer.to_string();
    for (auto& c : name) {
        c = c == '.' || c == ':' ? '_' : c;
    }
    return name;
}

struct SessionEnd {
    BgpSpeaker* speaker;
    IpAddress address;
    const char* kind;
    bool far;
};

void add_session(const SessionEnd& of, const SessionEnd& with, const BgpShutDowns& down) {
    auto& speaker = *of.speaker;
    const auto& peer = *with.speaker;
    BgpSession session;
    session.local = of.address;
    session.address = with.address;
    session.protocol = protocol_name(of.kind, session.address);
    session.peer = peer.name;
    session.as_number = peer.as_number;
    session.client = speaker.reflects && !peer.reflects && speaker.as_number == peer.as_number;
    session.passive =
        speaker.reflects == peer.reflects ? with.address < of.address : speaker.reflects;
    session.multihop = of.far;
    session.disabled = down.contains({speaker.name, peer.name});
    speaker.sessions.push_back(std::move(session));
}

} // namespace

IpAddress router_id_of(const IpAddress& address) {
    if (address.is_v4()) {
        return address;
    }
    constexpr std::size_t kLastFour = 12;
    return IpAddress::from_bytes(netemu::Family::V4, address.bytes() + kLastFour);
}

void connect_speakers(
    const BgpMember& a,
    const BgpMember& b,
    std::pair<const char*, const char*> kinds,
    const BgpShutDowns& down) {
    for (const auto& mine : a.addresses) {
        for (const auto& other : b.addresses) {
            if (mine.address.family() == other.address.family()) {
                const bool far = !mine.network().contains(other.address);
                const SessionEnd first{a.speaker, mine.address, kinds.first, far};
                const SessionEnd second{b.speaker, other.address, kinds.second, far};
                add_session(first, second, down);
                add_session(second, first, down);
            }
        }
    }
}

} // namespace labctl::compile
