#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "services/policy_cluster.h"

namespace services {

/// A set of pods, as one bit for each pod of a cluster.
class PodBits {
public:
    explicit PodBits(std::size_t pods = 0) : words_((pods + 63) / 64) {}
    void add(std::size_t pod) { words_[pod / 64] |= std::uint64_t{1} << (pod % 64); }
    void add(const PodBits& others);
    [[nodiscard]] bool has(std::size_t pod) const {
        return (words_[pod / 64] >> (pod % 64) & 1U) != 0;
    }
    /// The numbers of its pods, ascending.
    [[nodiscard]] std::vector<std::uint32_t> members() const;
    auto operator<=>(const PodBits&) const = default;

private:
    std::vector<std::uint64_t> words_;
};

/// The pods of a cluster by number, and which of them a selection has. Labels are compared once for
/// each namespace and each distinct set of labels, since the pods of one Deployment share theirs.
/// The cluster must live as long and stay as it is.
class PodSets {
public:
    static constexpr std::uint32_t kNoPod = UINT32_MAX;

    explicit PodSets(const PolicyCluster& cluster);

    [[nodiscard]] std::size_t size() const { return pods_.size(); }
    [[nodiscard]] const PolicyPod& pod(std::uint32_t number) const { return *pods_[number]; }
    /// kNoPod for nullptr and for pods with hostNetwork, which policies do not know (reference
    /// 6.6). Throws std::out_of_range if the pod is not of the cluster.
    [[nodiscard]] std::uint32_t number(const PolicyPod* pod) const;
    [[nodiscard]] PodBits resolve(const PodSelection& selection) const;

private:
    struct NamespacePods {
        const PolicyNamespace* ns = nullptr; // nullptr: only its name is known
        std::vector<std::uint32_t> pods;     // without those with hostNetwork
    };

    std::vector<const PolicyPod*> pods_;
    std::unordered_map<const PolicyPod*, std::uint32_t> numbers_;
    std::vector<const PolicyLabels*> label_sets_;
    std::vector<std::uint32_t> label_set_of_; // by pod
    std::map<std::string, NamespacePods> namespaces_;
};

} // namespace services
