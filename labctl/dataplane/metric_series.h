#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "labctl/dataplane/http_proxy.h"

/// Counters of requests and connections, a series for each set of labels.
namespace labctl::dataplane {

/// Outcomes (status and flags) of one set of labels that are counted apart, at most; what is more
/// counts for the last.
inline constexpr std::size_t kMetricOutcomesMax = 32;

/// How many values were at most as large as each of some bounds, and their sum.
class Histogram {
public:
    using Bounds = std::array<double, 19>;

    void add(const Bounds& bounds, double value);
    /// Appends NAME_bucket, NAME_sum and NAME_count.
    void
    write(std::string& text, std::string_view name, const Bounds& bounds, const std::string& labels)
        const;

private:
    std::array<std::uint64_t, 20> counts_{};
    double sum_ = 0;
};

/// Requests that differ in nothing but how they end.
class RequestSeries final : public HttpTally {
public:
    /// What is measured of each.
    struct Measures {
        const Histogram::Bounds* bounds = nullptr; // of all histograms
        bool until_first_byte = false;             // not until the last
        bool bytes = false;                        // of the bodies, too
    };
    struct Outcome {
        int status = 0;
        std::string flags;
        bool grpc = false;
        std::optional<int> grpc_status{};
        std::uint64_t count = 0;
        Histogram duration; // ms; as `until_first_byte` says
        Histogram request_bytes;
        Histogram response_bytes;
    };
    struct Authorization {
        bool allowed = false;
        std::string name;
        std::uint64_t count = 0;
    };

    /// `labels` as they are written, without those of the outcome.
    RequestSeries(std::string labels, const Measures& measures)
        : labels_(std::move(labels)), measures_(measures) {}

    void count(const Done& done) override;
    /// What lets it in, or that nothing does.
    void authorize(bool allowed, const std::string& authorization);

    [[nodiscard]] const std::string& labels() const { return labels_; }
    [[nodiscard]] const std::vector<Outcome>& outcomes() const { return outcomes_; }
    [[nodiscard]] const std::vector<Authorization>& authorizations() const {
        return authorizations_;
    }

private:
    std::string labels_;
    Measures measures_;
    std::vector<Outcome> outcomes_;
    std::vector<Authorization> authorizations_;
};

/// Connections whose bytes are carried.
struct ConnectionSeries {
    std::string labels;
    std::uint64_t opened = 0;
    std::uint64_t closed = 0;
    std::uint64_t received = 0; // from the client
    std::uint64_t sent = 0;     // to it; both when the connection has ended
};

/// All series of one sidecar, by their labels.
struct MetricSeries {
    std::map<std::string, std::unique_ptr<RequestSeries>> requests;
    std::map<std::string, std::unique_ptr<ConnectionSeries>> connections;
};

} // namespace labctl::dataplane
