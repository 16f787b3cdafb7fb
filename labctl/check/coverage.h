#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "labctl/check/batch.h"
#include "labctl/check/evaluate.h"
#include "labctl/check/expand.h"
#include "labctl/check/world.h"

/// Whether a denial was seen of all that a target leads to. A Service gives each connection one of
/// its endpoints, and a probe of a name takes one of its addresses: what is denied there says
/// nothing of the others. Private to the room.
namespace labctl::check {

inline constexpr std::size_t kNotProbed = std::numeric_limits<std::size_t>::max();

/// How many exchanges meet each of `endpoints` that are chosen by equal chance, but for one run in
/// some thousands: one of them is missed n times with (1 - 1/endpoints)^n. At most kExchangesMax,
/// and then some may be missed.
std::uint32_t exchanges_to_meet(std::size_t endpoints);
inline constexpr std::uint32_t kExchangesMax = 2000;

/// The finder's answers of one round: the proxies of a node give all of its pods the same choice.
class EndpointMemory {
public:
    explicit EndpointMemory(const EndpointFinder& finder) : finder_(finder) {}
    /// `to` is the address that was dialled; empty: not known.
    const std::vector<std::string>& of(const Flow& flow, const std::string& to);

private:
    const EndpointFinder& finder_;
    std::map<std::string, std::vector<std::string>> known_;
};

/// Of one flow.
class Coverage {
public:
    /// Looks at what became of the flow and puts into `batch` what else has to be asked.
    void
    widen(const Flow& flow, const probe::Result& result, EndpointMemory& endpoints, Batch& batch);
    /// Once that has run: the same of the other addresses of a name.
    void widen_by_name(const Flow& flow, const probe::Result& result, Batch& batch);
    /// Takes in what came of all that.
    void take_in(const probe::Result& result, const Batch& batch);

    /// All exchanges of the flow together; nullptr: there were none but the first ones.
    [[nodiscard]] const probe::Result* all() const { return all_ ? &*all_ : nullptr; }
    /// What may be chosen and was not seen to be denied, as in "1 of its 2 endpoints was not
    /// tried: shop/web-1 (10.244.1.3:80)"; empty: nothing.
    [[nodiscard]] std::string unseen(const World& world) const;
    /// How many there are to choose from; 0: nothing is chosen.
    [[nodiscard]] std::size_t choices() const { return choices_.size(); }
    /// The probes that `widen` has added.
    [[nodiscard]] std::vector<std::size_t> probes() const;

private:
    bool chosen_ = false;              // a drop was on its way to another address than was dialled
    bool of_name_ = false;             // the choices are addresses of a name, not endpoints
    std::vector<std::string> choices_; // "ADDRESS:PORT", or "ADDRESS" of a name
    std::vector<std::string> missed_;  // of those
    std::size_t again_ = kNotProbed;
    std::size_t look_up_ = kNotProbed;
    std::vector<std::size_t> others_; // to the other addresses of the name
    std::optional<probe::Result> all_;
};

} // namespace labctl::check
