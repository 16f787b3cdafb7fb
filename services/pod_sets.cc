#include "services/pod_sets.h"

#include <bit>

namespace services {

void PodBits::add(const PodBits& others) {
    for (std::size_t i = 0; i < words_.size(); ++i) {
        words_[i] |= others.words_[i];
    }
}

std::vector<std::uint32_t> PodBits::members() const {
    std::vector<std::uint32_t> found;
    for (std::size_t i = 0; i < words_.size(); ++i) {
        for (auto rest = words_[i]; rest != 0; rest &= rest - 1) {
            found.push_back(static_cast<std::uint32_t>(
                i * 64 + static_cast<std::size_t>(std::countr_zero(rest))));
        }
    }
    return found;
}

PodSets::PodSets(const PolicyCluster& cluster) {
    struct ByContent {
        bool operator()(const PolicyLabels* left, const PolicyLabels* right) const {
            return *left < *right;
        }
    };
    std::map<const PolicyLabels*, std::uint32_t, ByContent> known;
    for (const auto& [key, pod] : cluster.pods) {
        const auto number = static_cast<std::uint32_t>(pods_.size());
        pods_.push_back(&pod);
        numbers_[&pod] = number;
        const auto [labels, added] =
            known.try_emplace(&pod.labels, static_cast<std::uint32_t>(label_sets_.size()));
        if (added) {
            label_sets_.push_back(&pod.labels);
        }
        label_set_of_.push_back(labels->second);
        if (!pod.host_network) {
            namespaces_[pod.ns].pods.push_back(number);
        }
    }
    for (const auto& [name, ns] : cluster.namespaces) {
        namespaces_[name].ns = &ns;
    }
}

std::uint32_t PodSets::number(const PolicyPod* pod) const {
    return pod == nullptr || pod->host_network ? kNoPod : numbers_.at(pod);
}

PodBits PodSets::resolve(const PodSelection& selection) const {
    PodBits bits(pods_.size());
    enum class Known : std::uint8_t { Unknown, Yes, No };
    std::vector<Known> labels(label_sets_.size(), Known::Unknown);
    const auto add_all = [&](const NamespacePods& some) {
        for (const auto pod : some.pods) {
            auto& known = labels[label_set_of_[pod]];
            if (known == Known::Unknown) {
                known = matches(selection.pods, pods_[pod]->labels) ? Known::Yes : Known::No;
            }
            if (known == Known::Yes) {
                bits.add(pod);
            }
        }
    };
    if (!selection.ns.empty()) {
        const auto found = namespaces_.find(selection.ns);
        if (found != namespaces_.end()) {
            add_all(found->second);
        }
        return bits;
    }
    for (const auto& [name, some] : namespaces_) {
        if (some.ns != nullptr && matches(selection.namespaces, some.ns->labels)) {
            add_all(some);
        }
    }
    return bits;
}

} // namespace services
