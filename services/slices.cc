#include "services/slices.h"

#include <algorithm>
#include <unordered_map>

namespace services {

namespace {

/// The endpoints that are wanted and have no place yet, in their order.
class Unplaced {
public:
    explicit Unplaced(std::vector<PlacedEndpoint> wanted) : wanted_(std::move(wanted)) {
        index_.reserve(wanted_.size());
        for (std::size_t i = 0; i < wanted_.size(); ++i) {
            if (!index_.emplace(wanted_[i].identity(), i).second) {
                placed_.push_back(i); // twice the same: once is enough
            }
        }
        taken_.resize(wanted_.size(), false);
        for (const auto i : placed_) {
            taken_[i] = true;
        }
        left_ = index_.size();
    }

    /// The wanted form of an endpoint that a slice has; nullptr if it is not wanted, or placed.
    const PlacedEndpoint* take(const PlacedEndpoint& existing) {
        const auto found = index_.find(existing.identity());
        if (found == index_.end() || taken_[found->second]) {
            return nullptr;
        }
        taken_[found->second] = true;
        --left_;
        return &wanted_[found->second];
    }

    void fill(PackedSlice& slice, std::size_t most) {
        while (left_ > 0 && slice.endpoints.size() < most) {
            while (taken_[next_]) {
                ++next_;
            }
            taken_[next_] = true;
            --left_;
            slice.endpoints.push_back(std::move(wanted_[next_]));
        }
    }

    [[nodiscard]] std::size_t left() const { return left_; }

private:
    std::vector<PlacedEndpoint> wanted_;
    std::unordered_map<std::string, std::size_t> index_;
    std::vector<std::size_t> placed_;
    std::vector<bool> taken_;
    std::size_t next_ = 0;
    std::size_t left_ = 0;
};

/// The fullest slice that still has room for `count` more; end if there is none.
std::vector<PackedSlice>::iterator
best_fit(std::vector<PackedSlice>& slices, std::size_t count, std::size_t most) {
    auto best = slices.end();
    for (auto it = slices.begin(); it != slices.end(); ++it) {
        if (it->endpoints.size() + count <= most &&
            (best == slices.end() || it->endpoints.size() > best->endpoints.size())) {
            best = it;
        }
    }
    return best;
}

} // namespace

std::optional<std::uint16_t>
find_port(const ServiceTarget& target, std::span<const ContainerPort> declared) {
    if (target.target_name.empty()) {
        return target.target != 0 ? target.target : target.port;
    }
    for (const auto& port : declared) {
        if (port.name == target.target_name && port.protocol == target.protocol) {
            return port.port;
        }
    }
    return std::nullopt;
}

std::vector<SlicePort>
slice_ports(std::span<const ServiceTarget> targets, std::span<const ContainerPort> declared) {
    std::vector<SlicePort> ports;
    for (const auto& target : targets) {
        if (const auto number = find_port(target, declared)) {
            ports.push_back({target.name, target.protocol, number, target.app_protocol});
        }
    }
    return ports;
}

void set_conditions(Endpoint& endpoint, const PodState& pod, bool publish_not_ready) {
    endpoint.serving = pod.ready;
    endpoint.terminating = pod.terminating;
    endpoint.ready = publish_not_ready || (pod.ready && !pod.terminating);
}

std::string endpoint_hostname(const PodState& pod, const std::string& service) {
    return pod.subdomain == service ? pod.hostname : std::string{};
}

std::string PlacedEndpoint::identity() const {
    return endpoint.address.to_string() + '/' + endpoint.pod_namespace + '/' + endpoint.pod_name +
           '/' + pod_uid;
}

Packing pack_slices(
    std::vector<PackedSlice> existing,
    std::vector<PlacedEndpoint> desired,
    std::span<const std::string> must_write,
    std::size_t most) {
    Packing result;
    Unplaced unplaced(std::move(desired));
    std::vector<PackedSlice> unchanged;
    for (auto& slice : existing) {
        std::vector<PlacedEndpoint> kept;
        bool changed =
            std::find(must_write.begin(), must_write.end(), slice.name) != must_write.end();
        for (auto& endpoint : slice.endpoints) {
            const auto* wanted = unplaced.take(endpoint);
            changed = changed || wanted == nullptr || *wanted != endpoint;
            if (wanted != nullptr) {
                kept.push_back(*wanted);
            }
        }
        slice.endpoints = std::move(kept);
        if (slice.endpoints.empty()) {
            result.remove.push_back(std::move(slice.name));
        } else {
            (changed ? result.update : unchanged).push_back(std::move(slice));
        }
    }
    std::stable_sort(
        result.update.begin(), result.update.end(), [](const auto& left, const auto& right) {
            return left.endpoints.size() > right.endpoints.size();
        });
    for (auto& slice : result.update) {
        unplaced.fill(slice, most);
    }
    while (unplaced.left() > 0) {
        auto fits =
            unplaced.left() < most ? best_fit(unchanged, unplaced.left(), most) : unchanged.end();
        if (fits != unchanged.end()) {
            unplaced.fill(*fits, most);
            result.update.push_back(std::move(*fits));
            unchanged.erase(fits);
        } else {
            unplaced.fill(result.create.emplace_back(), most);
        }
    }
    for (auto& slice : unchanged) {
        result.unchanged.push_back(std::move(slice.name));
    }
    return result;
}

} // namespace services
