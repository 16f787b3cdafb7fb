#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "netemu/base/unique_fd.h"

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
        lock_file;      // beside the run directory; locked (flock(2)) while the lab lives: try_lock
    std::string socket; // the control socket
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

/// Whether somebody holds the lab's lock.
bool lab_alive(const LabPaths& paths);

/// Takes the lab's lock: whoever holds it, and nobody else, makes and removes the files of a lab of
/// that name. Keeper and supervisor share it (flock(2): it belongs to the open file), so it is free
/// when both have ended. Nothing if somebody else has it. Makes its file where there is none.
/// Throws SysError.
netemu::UniqueFd try_lock(const LabPaths& paths);

/// The keeper's and the supervisor's process ids; zeros when unknown.
struct LabPids {
    pid_t keeper = 0;
    pid_t supervisor = 0;
};
LabPids read_pids(const LabPaths& paths);

/// mkdir -p with mode 0700 for what is new. Throws SysError.
void make_directories(const std::string& path);

/// Removes the run directory, our links in the netns directory and, last, the lock's file. Safe to
/// call again; never follows a link and never touches a link that does not carry the lab's prefix.
/// Returns whether anything was there. Does nothing if somebody holds the lab's lock.
bool remove_run_files(const LabPaths& paths);
/// The same by who holds the lock; does nothing when its file was removed since, since then the
/// name is free for another lab.
bool remove_run_files(const LabPaths& paths, const netemu::UniqueFd& lock);

} // namespace labctl::supervisor
