#include "labctl/dataplane/metric_series.h"

#include <algorithm>

#include "labctl/dataplane/prometheus_text.h"

namespace labctl::dataplane {

namespace {

/// Of "UF,URX at 10.1.0.5: ..." or "... [DI,URX]: ..." what are flags of Envoy; "-": none.
std::string flags_in(const HttpTally::Done& done) {
    static constexpr std::array<std::string_view, 24> kFlags{
        "UH", "UF", "UO",   "NR", "URX", "NC",  "DC",  "UT",    "LR", "UR", "UC", "DI",
        "FI", "RL", "UAEX", "IH", "SI",  "DPE", "UPE", "UMSDR", "OM", "DF", "DT", "LH"};
    std::string found;
    const auto add = [&found](std::string_view text) {
        while (!text.empty()) {
            const auto size =
                std::min(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), text.size());
            const auto word = text.substr(0, size);
            if (std::find(kFlags.begin(), kFlags.end(), word) == kFlags.end()) {
                return;
            }
            found.append(found.empty() ? "" : ",").append(word);
            text.remove_prefix(size);
            if (!text.starts_with(',')) {
                return;
            }
            text.remove_prefix(1);
        }
    };
    if (const auto bracket = done.flags.find('['); bracket != done.flags.npos) {
        add(done.flags.substr(bracket + 1));
    }
    add(done.told);
    return found.empty() ? "-" : found;
}

} // namespace

void Histogram::add(const Bounds& bounds, double value) {
    const auto* const at = std::lower_bound(bounds.begin(), bounds.end(), value);
    ++counts_[static_cast<std::size_t>(at - bounds.begin())];
    sum_ += value;
}

void Histogram::write(
    std::string& text,
    std::string_view name,
    const Bounds& bounds,
    const std::string& labels) const {
    const std::string base(name);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        sum += counts_[i];
        const auto bound = i < bounds.size() ? number_text(bounds[i]) : "+Inf";
        append_sample(
            text, base + "_bucket", with_labels(labels, {{"le", bound}}), std::to_string(sum));
    }
    append_sample(text, base + "_sum", labels, number_text(sum_));
    append_sample(text, base + "_count", labels, std::to_string(sum));
}

void RequestSeries::count(const Done& done) {
    const bool plain = done.told.empty() && done.flags.empty();
    const auto fits = [&](const Outcome& each) {
        return each.status == done.status && each.grpc == done.grpc &&
               each.grpc_status == done.grpc_status &&
               (plain ? each.flags == "-" : each.flags == flags_in(done));
    };
    auto found = std::find_if(outcomes_.begin(), outcomes_.end(), fits);
    if (found == outcomes_.end() && outcomes_.size() < kMetricOutcomesMax) {
        Outcome fresh;
        fresh.status = done.status;
        fresh.grpc = done.grpc;
        fresh.grpc_status = done.grpc_status;
        fresh.flags = plain ? "-" : flags_in(done);
        found = outcomes_.insert(found, std::move(fresh));
    }
    auto& outcome = found == outcomes_.end() ? outcomes_.back() : *found;
    ++outcome.count;
    const auto& bounds = *measures_.bounds;
    constexpr double kMicroseconds = 1000; // of a millisecond
    const auto took = measures_.until_first_byte ? done.first_byte : done.all;
    outcome.duration.add(bounds, static_cast<double>(took.count()) / kMicroseconds);
    if (measures_.bytes) {
        outcome.request_bytes.add(bounds, static_cast<double>(done.request_bytes));
        outcome.response_bytes.add(bounds, static_cast<double>(done.response_bytes));
    }
}

void RequestSeries::authorize(bool allowed, const std::string& authorization) {
    for (auto& each : authorizations_) {
        if (each.allowed == allowed && each.name == authorization) {
            ++each.count;
            return;
        }
    }
    if (authorizations_.size() < kMetricOutcomesMax) {
        authorizations_.push_back({allowed, authorization, 1});
    }
}

} // namespace labctl::dataplane
