#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "labctl/supervisor/paths.h"
#include "netemu/base/unique_fd.h"

/// Starting a lab's processes: the command line starts a keeper, the keeper starts the supervisor.
///
/// The keeper lives outside the lab's namespaces and does one thing: it waits for the supervisor to
/// end, however it ends, and then removes the lab's files, if that has not done it. The supervisor
/// is process 1 of the lab's own pid namespace, so the kernel ends every process of the lab with
/// it, and every network namespace that it holds.
namespace labctl::supervisor {

/// A lab whose processes run but whose network does not exist yet.
struct LaunchedLab {
    netemu::UniqueFd
        connection;          // to the supervisor; closing it before the lab is ready ends the lab
    netemu::UniqueFd errors; // what keeper or supervisor say when they cannot start; ends at EOF
    pid_t keeper = 0;        // our child
};

/// Makes no file: that is the keeper's, which says over `errors` if the lab runs already or this
/// user may not create namespaces.
LaunchedLab launch(const LabPaths& paths, int verbosity);

/// Asks the keeper to end the lab at once and waits until it has. For an interrupted or failed
/// `up`. Returns false if there was nothing to end, since another keeper has the lab.
bool abort_launch(const LabPaths& paths, LaunchedLab& lab);

/// `labctl __keeper`: the process between. Descriptors are passed by number. Returns its exit
/// status.
int run_keeper(const std::vector<std::string>& arguments);

/// What `labctl __supervisor` is started with.
struct SupervisorArguments {
    LabPaths paths;
    int connection = -1; // first control connection
    int keeper_pipe =
        -1; // closes when the keeper dies; first carries "KEEPER_PID SUPERVISOR_PID\n"
    int errors = -1;
    int host_sockets = -1; // a HostSockets' end; the keeper has the other
    int lock = -1;         // of the lab's files (try_lock), shared with the keeper
    int verbosity = 0;
    bool rootless = false;
    static SupervisorArguments parse(const std::vector<std::string>& arguments);
};

} // namespace labctl::supervisor
