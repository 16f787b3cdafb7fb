#include "labctl/probe/aggregate.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "labctl/api/grpc_status.h"

namespace labctl::probe {
namespace {

std::uint32_t median(std::vector<std::uint32_t>& values) {
    if (values.empty()) {
        return 0;
    }
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

} // namespace

Aggregator::Aggregator(const Request& request, std::string resolved)
    : keep_samples_(request.samples) {
    result_.id = request.id;
    result_.resolved = std::move(resolved);
}

void Aggregator::add(Sample sample) {
    ++result_.attempts;
    result_.elapsed_us += sample.rtt_us;
    if (sample.outcome == Outcome::Ok) {
        rtts_us_.push_back(static_cast<std::uint32_t>(
            std::min<std::uint64_t>(sample.rtt_us, std::numeric_limits<std::uint32_t>::max())));
    }
    if (!sample.backend.empty()) {
        ++result_.backends[sample.backend];
    }
    if (sample.http) {
        ++result_.statuses[std::to_string(sample.http->status)];
    }
    if (sample.grpc) {
        ++result_.grpc_statuses[api::grpc_status_name(sample.grpc->status)];
    }
    if (sample.grpc && !sample.grpc->health.empty()) {
        ++result_.grpc_health[sample.grpc->health];
    }
    if (sample.drop) {
        ++result_.dropped;
        if (std::ranges::find(drops_, *sample.drop) == drops_.end()) {
            drops_.push_back(*sample.drop);
        }
    }
    auto& same = outcomes_[sample.outcome];
    ++same.count;
    if (keep_samples_) {
        result_.samples.push_back(sample);
    }
    if (same.count == 1) {
        same.order = result_.attempts;
        same.first = std::move(sample);
    }
}

Result Aggregator::finish() {
    const PerOutcome* best = nullptr;
    for (const auto& [outcome, entry] : outcomes_) {
        result_.outcomes[to_string(outcome)] = entry.count;
        if (best == nullptr || entry.count > best->count ||
            (entry.count == best->count && entry.order < best->order)) {
            best = &entry;
        }
    }
    if (best != nullptr) {
        result_.first = best->first;
    }
    result_.other_drops.clear();
    std::ranges::copy_if(drops_, std::back_inserter(result_.other_drops), [this](const Drop& drop) {
        return drop != result_.first.drop;
    });
    result_.rtt_us = median(rtts_us_);
    return result_;
}

} // namespace labctl::probe
