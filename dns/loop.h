#pragma once

#include <cstdint>

#include "dns/name.h"
#include "dns/query.h"

namespace dns {

/// The question with which coredns' plugin loop finds out whether what it forwards comes back to
/// it: HINFO of a random name, which nobody else asks for.
class LoopProbe {
public:
    /// `zone`: the first of the server block.
    explicit LoopProbe(const Name& zone);

    [[nodiscard]] const Name& name() const { return name_; }
    /// To be shown every query. True when it is the probe, and has been seen too often to be on its
    /// way by chance: more than twice, the sending included.
    bool sees(const QueryView& query);

private:
    Name name_;
    std::string wire_;
    std::uint32_t seen_ = 1; // it was sent
};

} // namespace dns
