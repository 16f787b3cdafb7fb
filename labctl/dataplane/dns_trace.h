#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dns/message.h"
#include "labctl/dataplane/lookup.h"
#include "labctl/probe/probe.h"
#include "netemu/base/event_loop.h"

namespace labctl::dataplane {

/// Records for people, at most `room` bytes of them; `room` shrinks by what they take.
std::vector<probe::DnsAnswer>
answer_texts(const std::vector<dns::Record>& records, std::size_t& room);

/// Every query of a look-up, if it is to be traced; otherwise nothing is kept.
class DnsTrace {
public:
    /// A query leaves now, over UDP unless the look-up says otherwise.
    std::optional<std::size_t> sent(
        const Lookup& lookup,
        const dns::Name& name,
        std::uint16_t type,
        std::uint16_t id,
        std::size_t server);
    void over_tcp(std::optional<std::size_t> step);
    /// No effect on a step that has ended.
    void ended(
        std::optional<std::size_t> step,
        const std::string& rcode,
        const std::vector<dns::Record>& answers);
    [[nodiscard]] std::vector<DnsStep> take() { return std::move(steps_); }

private:
    std::vector<DnsStep> steps_;
    std::vector<netemu::Clock::time_point> starts_;
    std::size_t room_ = 48U << 10U; // of answers, so that a sample fits into a message
};

} // namespace labctl::dataplane
