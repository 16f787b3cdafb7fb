#pragma once

#include <cstdint>
#include <optional>

#include "netemu/kernel/batch.h"
#include "netemu/model/impairment.h"

struct nlmsghdr;

namespace netemu {

/// A link's root queueing discipline, as rtnetlink writes it (RTM_*QDISC of rtnetlink(7); for the
/// options linux/pkt_sched.h).
struct LinkShaper {
    std::uint32_t link_index = 0;
    Shaper shaper = Shaper::None;
    Impairment impairment; // what of it the shaper does
    std::uint32_t mtu = 1500;
};

/// Puts it on the link in the place of what is there; Shaper::None takes off what is there.
void encode_set_shaper(Batch& batch, const LinkShaper& shaper);
void encode_dump_shapers(Batch& batch);
/// Reads an RTM_NEWQDISC message; nothing for one that is not a root netem or tbf. The MTU, from
/// which a tbf's queue is counted in packets, is the caller's to fill in: see `tbf_queue`.
struct ReadShaper {
    LinkShaper shaper;
    std::uint32_t tbf_limit_bytes = 0;
};
std::optional<ReadShaper> decode_shaper(const nlmsghdr* message);
/// Impairment::queue of a tbf with that limit.
std::uint32_t tbf_queue(std::uint32_t limit_bytes, std::uint64_t rate_bps, std::uint32_t mtu);

} // namespace netemu
