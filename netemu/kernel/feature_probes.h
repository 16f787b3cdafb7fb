#pragma once

#include <functional>
#include <string>
#include <vector>

namespace netemu {

/// One question to the kernel, asked in a throwaway network namespace.
struct FeatureProbe {
    std::string name;
    bool required = false;
    std::string remedy;
    std::function<int()> run; // 0: available; otherwise the errno that says why not
};

/// In the order in which they should be shown, the required ones first.
const std::vector<FeatureProbe>& feature_probes();

} // namespace netemu
