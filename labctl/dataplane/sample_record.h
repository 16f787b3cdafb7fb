#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "labctl/dataplane/lookup.h"
#include "labctl/dataplane/wire.h"
#include "labctl/probe/probe.h"

namespace labctl::dataplane {

/// What the child says of one exchange (Op::Sample), as read. `sample` has what the child knows;
/// the remote, the drop and the error's text are the supervisor's to add.
struct SampleRecord {
    std::uint32_t job = 0;
    probe::Sample sample;
    std::uint32_t drop = 0;     // the notice that ended it; 0: none
    std::string local;          // "ADDRESS:PORT" of our end, or empty
    std::string detail;         // why there was no answer, or empty
    std::vector<DnsStep> steps; // of a look-up that is traced
};

/// Takes the fields of the record. Throws netemu::Error if they make no sense.
SampleRecord read_sample(WireReader& record);

} // namespace labctl::dataplane
