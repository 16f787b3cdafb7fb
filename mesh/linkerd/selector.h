#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mesh::linkerd {

using Labels = std::map<std::string, std::string>;

/// metav1.LabelSelector; an empty one selects everything.
struct LabelSelector {
    struct Requirement {
        enum class Operator : std::uint8_t { In, NotIn, Exists, DoesNotExist };
        std::string key;
        Operator op = Operator::Exists;
        std::vector<std::string> values;
        bool operator==(const Requirement&) const = default;
    };
    Labels match_labels;
    std::vector<Requirement> expressions;

    [[nodiscard]] bool selects(const Labels& labels) const;
    bool operator==(const LabelSelector&) const = default;
};

} // namespace mesh::linkerd
