#include "labctl/cli/underlay_input.h"

#include <algorithm>
#include <tuple>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/topology_read.h"
#include "labctl/manifest/locate.h"

namespace labctl::cli {

void check_lab_config(const api::Object& lab) {
    try {
        (void)compile::ClusterConfig::from_lab(lab);
    } catch (const compile::TopologyError& error) {
        if (lab.source.line == 0) {
            throw; // from the journal: there is no file to point into
        }
        manifest::Findings findings;
        manifest::Locator locator;
        for (const auto& problem : error.problems()) {
            auto found = locator.warning(
                lab.source, problem.path, problem.path + ": " + problem.message, problem.hint);
            found.severity = manifest::Severity::Error;
            findings.add(std::move(found));
        }
        std::stable_sort(
            findings.list.begin(), findings.list.end(), [](const auto& left, const auto& right) {
                return std::tie(left.source.line, left.source.column) <
                       std::tie(right.source.line, right.source.column);
            });
        throw manifest::ManifestError(std::move(findings));
    }
}

} // namespace labctl::cli
