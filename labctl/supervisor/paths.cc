#include "labctl/supervisor/paths.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace labctl::supervisor {

namespace fs = std::filesystem;

namespace {

std::string environment(const char* name) {
    const char* value =
        std::getenv(name); // NOLINT(concurrency-mt-unsafe): nobody writes the environment
    return value == nullptr ? std::string{} : std::string(value);
}

bool is_root() {
    return ::geteuid() == 0;
}

std::string default_run_root() {
    if (auto dir = environment("LABCTL_RUN_DIR"); !dir.empty()) {
        return dir;
    }
    if (is_root()) {
        return "/run/labctl";
    }
    if (auto dir = environment("XDG_RUNTIME_DIR"); !dir.empty()) {
        return dir + "/labctl";
    }
    return "/tmp/labctl-" + std::to_string(::geteuid());
}

std::string default_state_root() {
    if (auto dir = environment("LABCTL_STATE_DIR"); !dir.empty()) {
        return dir;
    }
    if (is_root()) {
        return "/var/lib/labctl";
    }
    if (auto dir = environment("XDG_STATE_HOME"); !dir.empty()) {
        return dir + "/labctl";
    }
    const auto home = environment("HOME");
    return (home.empty() ? default_run_root() : home + "/.local/state") + "/labctl";
}

} // namespace

LabPaths LabPaths::under(
    const std::string& name,
    const std::string& run_root,
    const std::string& state_root,
    const std::string& netns_dir) {
    LabPaths paths;
    paths.name = name;
    paths.run_root = run_root;
    paths.state_root = state_root;
    paths.run_dir = run_root + "/" + name;
    paths.lock_file = run_root + "/" + name + ".lock";
    paths.socket = paths.run_dir + "/control.sock";
    paths.log_file = paths.run_dir + "/supervisor.log";
    paths.pid_file = paths.run_dir + "/pids";
    paths.state_dir = state_root + "/" + name;
    paths.journal = paths.state_dir + "/journal";
    paths.netns_dir = netns_dir;
    paths.netns_prefix = name + ".";
    return paths;
}

LabPaths LabPaths::of(const std::string& name) {
    const auto run = default_run_root();
    auto netns_dir = environment("LABCTL_NETNS_DIR");
    if (netns_dir.empty()) {
        netns_dir = is_root() ? "/run/netns" : run + "/" + name + "/netns";
    }
    return under(name, run, default_state_root(), netns_dir);
}

void check_lab_name(const std::string& name) {
    constexpr std::size_t kNameBytesMax = 40;
    const bool characters = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    if (name.empty() || name.size() > kNameBytesMax || !characters || name.front() == '-' ||
        name.back() == '-') {
        throw netemu::UsageError(
            "'" + name + "' cannot name a lab",
            "use at most 40 lower case letters, digits and '-', not '-' at an end");
    }
}

std::vector<std::string> known_labs() {
    std::set<std::string> names;
    for (const auto& root : {default_run_root(), default_state_root()}) {
        std::error_code ignored;
        for (const auto& entry : fs::directory_iterator(root, ignored)) {
            std::error_code status_error;
            if (entry.is_directory(status_error)) {
                names.insert(entry.path().filename().string());
            }
        }
    }
    return {names.begin(), names.end()};
}

bool lab_alive(const LabPaths& paths) {
    const netemu::UniqueFd lock(::open(paths.lock_file.c_str(), O_RDONLY | O_CLOEXEC));
    return lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

LabPids read_pids(const LabPaths& paths) {
    LabPids pids;
    std::ifstream file(paths.pid_file);
    file >> pids.keeper >> pids.supervisor;
    return file ? pids : LabPids{};
}

void make_directories(const std::string& path) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const auto part = path.substr(0, slash);
        if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
            throw netemu::SysError("create the directory " + part, errno);
        }
        if (slash == std::string::npos) {
            return;
        }
    }
}

namespace {

/// Whether that is still the lock that others find.
bool is_named(const netemu::UniqueFd& lock, const LabPaths& paths) {
    struct stat ours {};
    struct stat named {};
    return ::fstat(lock.get(), &ours) == 0 && ::stat(paths.lock_file.c_str(), &named) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

bool anything_left(const LabPaths& paths) {
    std::error_code ignored;
    return fs::exists(paths.run_dir, ignored) ||
           std::any_of(
               fs::directory_iterator(paths.netns_dir, ignored), {}, [&paths](const auto& entry) {
                   return entry.path().filename().string().starts_with(paths.netns_prefix);
               });
}

bool remove_all_but_lock(const LabPaths& paths) {
    bool found = false;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(paths.netns_dir, ignored)) {
        std::error_code status_error;
        if (entry.path().filename().string().starts_with(paths.netns_prefix) &&
            entry.is_symlink(status_error)) {
            found = ::unlink(entry.path().c_str()) == 0 || found;
        }
    }
    // Clients of the lab that end now remove what is theirs, which ends a removal half-way.
    constexpr int kRemovalsMax = 16;
    std::error_code failed;
    for (int i = 0; i == 0 || (failed && i < kRemovalsMax); ++i) {
        const auto removed = fs::remove_all(paths.run_dir, failed);
        found = (!failed && removed > 0) || found;
    }
    return found;
}

} // namespace

netemu::UniqueFd try_lock(const LabPaths& paths) {
    // Others hold it for a moment, to see whether the lab is there or to remove what it has left.
    constexpr int kTries = 50;
    constexpr auto kPause = std::chrono::milliseconds(1);
    for (int i = 0; i < kTries; ++i) {
        netemu::UniqueFd lock(netemu::check_syscall(
            "create the lock file " + paths.lock_file,
            ::open(paths.lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)));
        if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
            std::this_thread::sleep_for(kPause);
        } else if (is_named(lock, paths)) { // who has just ended may have removed its file
            return lock;
        }
    }
    return {};
}

bool remove_run_files(const LabPaths& paths) {
    std::error_code ignored;
    if (!fs::is_directory(paths.run_root, ignored)) {
        return remove_all_but_lock(paths); // no lab can be there
    }
    const bool locked_before = ::access(paths.lock_file.c_str(), F_OK) == 0;
    if (!locked_before && !anything_left(paths)) {
        return false; // and no lock is made, which would be left if this process were killed now
    }
    const auto lock = try_lock(paths);
    return lock && (remove_run_files(paths, lock) || locked_before);
}

bool remove_run_files(const LabPaths& paths, const netemu::UniqueFd& lock) {
    if (!is_named(lock, paths)) {
        return false;
    }
    const bool found = remove_all_but_lock(paths);
    (void)::unlink(paths.lock_file.c_str());
    return found;
}

} // namespace labctl::supervisor
