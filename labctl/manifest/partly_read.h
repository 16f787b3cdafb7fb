#pragma once

#include <utility>
#include <vector>

#include "labctl/api/assertion_input.h"
#include "labctl/manifest/diagnostic.h"

namespace labctl::manifest {

/// What the functions of read.h throw: with the assertions that could be read all the same, so that
/// what is wrong with these can be said at once. Nothing else may be done with them.
class PartlyRead : public ManifestError {
public:
    PartlyRead(Findings findings, std::vector<api::AssertionInput> assertions)
        : ManifestError(std::move(findings)), assertions_(std::move(assertions)) {}
    [[nodiscard]] const std::vector<api::AssertionInput>& assertions() const noexcept {
        return assertions_;
    }

private:
    std::vector<api::AssertionInput> assertions_;
};

} // namespace labctl::manifest
