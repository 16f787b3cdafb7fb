#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "labctl/probe/probe.h"

namespace labctl::probe {

/// Turns the samples of one request into its Result. Keeps counts, round-trip times and one sample
/// per outcome, not all samples (unless asked for), so a million exchanges cost a few megabytes.
class Aggregator {
public:
    /// `resolved` is the address that a name gave, or empty.
    explicit Aggregator(const Request& request, std::string resolved = {});

    void add(Sample sample);
    /// The address that a name gave, once it is known.
    void set_resolved(std::string resolved) { result_.resolved = std::move(resolved); }
    [[nodiscard]] std::uint32_t attempts() const { return result_.attempts; }
    /// The result so far. Of several samples `first` is the first one of the most frequent outcome;
    /// ties go to the outcome that came first.
    [[nodiscard]] Result finish();

private:
    struct PerOutcome {
        std::uint32_t count = 0;
        std::uint32_t order = 0; // of its first sample
        Sample first;
    };

    Result result_;
    bool keep_samples_;
    std::map<Outcome, PerOutcome> outcomes_;
    std::vector<Drop> drops_;            // distinct ones
    std::vector<std::uint32_t> rtts_us_; // of the ok ones
};

} // namespace labctl::probe
