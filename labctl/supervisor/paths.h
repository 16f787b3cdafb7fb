#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

/// Where a lab keeps its files. The run directory dies with the lab; the state directory holds the
/// journal.
namespace labctl::supervisor {

/// The directories of one lab. Values only: nothing is created here.
struct LabPaths {
    std::string name;
    std::string run_root;   // LABCTL_RUN_DIR, /run/labctl or $XDG_RUNTIME_DIR/labctl
    std::string state_root; // LABCTL_STATE_DIR, /var/lib/labctl or ~/.local/state/labctl
    std::string run_dir;    // run_root/NAME
    std::string
        lock_file; // beside the run directory; locked (flock(2)) by the keeper while the lab lives
    std::string socket;    // the control socket
    std::string log_file;  // what the supervisor and the data plane print
    std::string pid_file;  // "KEEPER SUPERVISOR" as this host numbers them
    std::string state_dir; // state_root/NAME
    std::string journal;
    std::string
        netns_dir; // where `ip netns` looks: LABCTL_NETNS_DIR or /run/netns; a user's own otherwise
    std::string netns_prefix; // of our links there: "NAME."

    /// As this user's environment says.
    static LabPaths of(const std::string& name);
    static LabPaths under(
        const std::string& name,
        const std::string& run_root,
        const std::string& state_root,
        const std::string& netns_dir);
};

/// RFC 1123 label, so that the name fits into file, host and namespace names. Throws UsageError.
void check_lab_name(const std::string& name);

/// Names of labs that have a run directory or a journal, sorted.
std::vector<std::string> known_labs();

/// Whether a keeper holds the lab's lock.
bool lab_alive(const LabPaths& paths);

/// The keeper's and the supervisor's process ids; zeros when unknown.
struct LabPids {
    pid_t keeper = 0;
    pid_t supervisor = 0;
};
LabPids read_pids(const LabPaths& paths);

/// mkdir -p with mode 0700 for what is new. Throws SysError.
void make_directories(const std::string& path);

/// Removes the run directory and our links in the netns directory. Safe to call again; never
/// follows a link and never touches a link that does not carry the lab's prefix. Returns whether
/// anything was there.
bool remove_run_files(const LabPaths& paths);

} // namespace labctl::supervisor
