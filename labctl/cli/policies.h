#pragma once

#include <string>
#include <vector>

#include "labctl/cli/context.h"
#include "labctl/explain/policy_matrix.h"
#include "labctl/store/store.h"

/// Commands about policies: each returns the exit status.
namespace labctl::cli {

int run_matrix(const Context& context);
/// The same by packets, with --both beside the policies: 1 when they differ, 3 when some flow is
/// neither answered nor seen to be dropped. matrix_wire.cc.
int run_matrix_wire(const Context& context);
/// 0 when no verdict differs, 1 when one does.
int run_diff(const Context& context);

/// The cluster that these files describe, as a lab of them would be: controllers have run, pods are
/// placed and have addresses. Prints warnings; throws when anything is invalid.
store::Store store_of_files(const Context& context, const std::vector<std::string>& inputs);
/// Applies all objects to an imagined cluster. With `lenient`, what a cluster would refuse is left
/// out: `up` is who says so.
store::Store
imagine_cluster(const api::Object& lab, const std::vector<api::Object>& objects, bool lenient);
/// What policies are about in the lab that runs.
store::Store store_of_lab(const Context& context);

/// Which pairs the options of `matrix` ask for: -n, -A, -l, --port, --protocol, --workloads. Throws
/// UsageError. For every form of the matrix.
explain::MatrixQuery matrix_query(const Context& context);

/// Says so where the lab's CNI profile enforces no policies and there are some.
void warn_of_ignored_policies(const Context& context, const store::Store& store);

} // namespace labctl::cli
