#pragma once

#include <array>
#include <cstdint>
#include <unordered_set>

#include "labctl/dataplane/inner_packet.h"
#include "netemu/base/event_loop.h"

namespace labctl::dataplane {

/// Which conversations without a beginning of their own (UDP, and protocols that are not known) a
/// tunnel has seen, and who began them: for an answer is let in where a question is not. A
/// conversation that is silent is forgotten after kFlowIdle at the earliest and twice that at the
/// latest; when there are too many, those that were silent longest go.
class FlowMemory {
public:
    static constexpr std::chrono::seconds kFlowIdle{180}; // as nf_conntrack has it for UDP streams
    static constexpr std::size_t kFlowsMax = 65536;

    struct Flow {
        std::uint32_t tunnel = 0;
        netemu::IpAddress source;
        netemu::IpAddress destination;
        std::uint8_t protocol = 0;
        std::uint16_t source_port = 0;
        std::uint16_t destination_port = 0;
        bool operator==(const Flow&) const = default;
    };

    /// In the direction in which it was begun.
    [[nodiscard]] static Flow of(std::uint32_t tunnel, const InnerPacket& packet);
    [[nodiscard]] static Flow answered_by(std::uint32_t tunnel, const InnerPacket& packet);

    /// Whether it is known; then it counts as heard of now.
    bool knows(const Flow& flow);
    void remember(const Flow& flow);
    /// Whether it is one of the last that were remembered: nothing else has to be asked.
    [[nodiscard]] bool is_recent(const Flow& flow) const {
        return flow == recent_[0] || flow == recent_[1];
    }

    /// Lets go of what is old; call it now and then.
    void age(netemu::Clock::time_point now);

private:
    struct Hash {
        std::size_t operator()(const Flow& flow) const;
    };
    using Flows = std::unordered_set<Flow, Hash>;

    std::array<Flow, 2> recent_; // tunnel 0: none
    Flows young_;
    Flows old_;
    netemu::Clock::time_point turned_;
};

} // namespace labctl::dataplane
