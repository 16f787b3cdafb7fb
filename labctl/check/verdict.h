#pragma once

#include <cstddef>
#include <vector>

#include "labctl/check/batch.h"
#include "labctl/check/coverage.h"
#include "labctl/check/record.h"

/// From the results of one round to the record of one assertion. Pure. Private to the room.
namespace labctl::check {

/// What a record says of its assertion, whatever became of it.
[[nodiscard]] Record record_of(const Assertion& assertion);

struct VerdictInput {
    const Assertion& assertion;
    const Expansion& expansion;
    const std::vector<std::size_t>& probes;   // index in the batch, per flow, or kNotProbed
    const std::vector<std::size_t>& controls; // likewise
    const std::vector<Coverage>& coverage;    // per flow
    const Batch& batch;
    const World& world;
    const DropEvidence& dropped_by;
};

/// Everything but attempts and duration. One flow that fails makes the assertion fail; else one
/// that is inconclusive makes it inconclusive.
Record make_record(const VerdictInput& input);

} // namespace labctl::check
