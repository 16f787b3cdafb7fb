#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <thread>

#include <poll.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "labctl/cli/lifecycle.h"
#include "labctl/store/journal.h"
#include "labctl/supervisor/cni_attachments.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/text.h"
#include "netemu/kernel/teardown.h"

namespace labctl::cli {

namespace {

using netemu::Clock;
using netemu::micros_since;
using supervisor::LabPaths;

constexpr auto kOrderlyEndMax = std::chrono::seconds(5);
constexpr auto kKernelDoneMax = std::chrono::seconds(30);
constexpr std::chrono::seconds kAnswerMax(30); // of a lab that may be busy building its network

netemu::UniqueFd open_process(pid_t pid) {
    return netemu::UniqueFd(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
}

bool wait_for_exit(const netemu::UniqueFd& process, Clock::duration limit) {
    if (!process) {
        return true;
    }
    pollfd wait{process.get(), POLLIN, 0};
    const auto limit_ms = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
    return ::poll(&wait, 1, static_cast<int>(limit_ms)) > 0;
}

/// Throws netemu::Error where nobody answers.
Client answering_client(const LabPaths& paths) {
    auto client = Client::connect(paths.socket);
    client.limit_answers(kAnswerMax);
    try {
        client.request("GET", "/apis/labctl.dev/v1/status");
    } catch (const RemoteError&) { // NOLINT(bugprone-empty-catch): it is not started yet
    }
    client.limit_answers(std::chrono::seconds(0)); // no limit (socket(7))
    return client;
}

/// Waits for the keeper, the last of a lab's processes; false if it does not end within seconds.
bool keeper_ends(const LabPaths& paths) {
    const auto deadline = Clock::now() + kOrderlyEndMax;
    wait_for_exit(open_process(supervisor::read_pids(paths).keeper), kOrderlyEndMax);
    // One that has removed the lab's files already, its own number among them, ends now.
    while (supervisor::lab_alive(paths)) {
        if (Clock::now() > deadline) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

/// Ends the lab's processes and waits for the keeper, which removes the files. Whether it has
/// ended.
bool end_processes(const LabPaths& paths, bool keep_journal) {
    const auto pids = supervisor::read_pids(paths);
    const auto keeper = open_process(pids.keeper);
    const auto supervisor = open_process(pids.supervisor);
    try {
        // To let go of what CNI plugins have made may take long.
        answering_client(paths).request(
            "POST", "/apis/labctl.dev/v1/shutdown", {{"keepJournal", keep_journal}});
    } catch (const netemu::Error&) {
        // It does not answer (any more): the signal below does not need an answer.
        if (keeper) {
            (void)::syscall(SYS_pidfd_send_signal, keeper.get(), SIGTERM, nullptr, 0U);
        }
    }
    const auto& last = keeper ? keeper : supervisor;
    if (!last) {
        return keeper_ends(paths); // the file with their numbers is removed already
    }
    if (!wait_for_exit(last, kOrderlyEndMax) && supervisor) {
        (void)::syscall(SYS_pidfd_send_signal, supervisor.get(), SIGKILL, nullptr, 0U);
    }
    return wait_for_exit(last, kOrderlyEndMax);
}

/// A lab that was killed owes CNI plugins their DEL.
void let_go_of_attachments(const Context& context, const LabPaths& paths) {
    if (supervisor::lab_alive(paths)) {
        return;
    }
    const auto folder = supervisor::CniAttachments::directory_of(paths.state_dir);
    for (const auto& complaint : supervisor::release_attachments(folder)) {
        context.console().warn(complaint);
    }
}

} // namespace

bool end_lab(const Context& context, const LabPaths& paths, bool keep_journal) {
    const bool alive = supervisor::lab_alive(paths);
    const bool ended = !alive || end_processes(paths, keep_journal);
    supervisor::remove_run_files(paths);
    if (!keep_journal) {
        let_go_of_attachments(context, paths);
        forget_journal(paths);
    }
    if (!ended) {
        throw netemu::Error(
            "lab '" + paths.name +
                "' has not ended: its processes are killed, but one of them cannot go",
            "`ps -eo pid,ppid,stat,args` shows it: of one that is defunct (Z) the parent (PPID), "
            "which came from outside of the lab and is stopped, must go on (`kill -CONT`) or be "
            "killed");
    }
    return alive;
}

void wait_for_kernel(const Context& context) {
    if (!netemu::wait_for_dead_namespaces(Clock::now() + kKernelDoneMax)) {
        context.console().warn("the kernel has not finished taking the lab's namespaces apart");
    }
}

void take_down(const Context& context, const LabPaths& paths, bool keep_journal) {
    const auto start = Clock::now();
    if (!end_lab(context, paths, keep_journal)) {
        context.console().progress("lab '" + paths.name + "' is not up");
        return;
    }
    wait_for_kernel(context);
    context.console().step("lab '" + paths.name + "' is down", micros_since(start));
}

bool is_up(const LabPaths& paths) {
    if (!supervisor::lab_alive(paths)) {
        return false;
    }
    try {
        answering_client(paths);
    } catch (const netemu::Error& error) {
        if (!keeper_ends(paths)) {
            throw netemu::Error(
                "lab '" + paths.name + "' neither answers nor ends: " + error.what(),
                "`labctl down " + paths.name + "` ends it");
        }
        return false;
    }
    return true;
}

void forget_journal(const LabPaths& paths) {
    store::Journal::remove_file(paths.journal);
    std::error_code ignored;
    std::filesystem::remove_all(paths.state_dir + "/cni", ignored); // what CNI plugins remembered
    std::filesystem::remove_all(supervisor::CniAttachments::directory_of(paths.state_dir), ignored);
    (void)::rmdir(paths.state_dir.c_str()); // stays when somebody keeps something there
}

int run_down(const Context& context) {
    const auto& options = context.options();
    std::vector<std::string> names = options.arguments;
    if (options.all) {
        names = supervisor::known_labs();
    } else if (names.empty() && !options.lab.empty()) {
        names = {options.lab};
    } else if (names.empty()) {
        for (const auto& name : supervisor::known_labs()) {
            if (supervisor::lab_alive(LabPaths::of(name))) {
                names.push_back(name);
            }
        }
        if (names.size() > 1) {
            throw netemu::UsageError(
                "several labs are up: " + netemu::join(names, ", "), "`labctl down NAME` or --all");
        }
        if (names.empty()) {
            context.console().progress("no lab is up");
        }
    }
    int status = 0;
    for (const auto& name : names) {
        supervisor::check_lab_name(name);
        try {
            take_down(context, LabPaths::of(name), options.keep);
        } catch (const netemu::Error& error) {
            if (names.size() == 1) {
                throw;
            }
            context.console().warn(std::string(error.what()) + "; " + error.hint());
            status = static_cast<int>(error.exit_code());
        }
    }
    return status;
}

int run_clean(const Context& context) {
    for (const auto& name : supervisor::known_labs()) {
        const auto paths = LabPaths::of(name);
        try {
            if (is_up(paths)) {
                continue;
            }
        } catch (const netemu::Error& error) {
            context.console().warn(std::string(error.what()) + "; " + error.hint());
            continue;
        }
        if (supervisor::remove_run_files(paths)) {
            context.console().progress("removed the files of lab '" + name + "', which is not up");
        }
        if (context.options().all) {
            let_go_of_attachments(context, paths);
            forget_journal(paths);
            context.console().progress("forgot the journal of lab '" + name + "'");
        }
    }
    return 0;
}

} // namespace labctl::cli
