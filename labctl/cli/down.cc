#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <thread>

#include <poll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
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

/// Ends the lab's processes and waits for the keeper, which removes the files.
void end_processes(const LabPaths& paths, bool keep_journal) {
    const auto pids = supervisor::read_pids(paths);
    const auto keeper = open_process(pids.keeper);
    const auto supervisor = open_process(pids.supervisor);
    try {
        Client::connect(paths.socket)
            .request("POST", "/apis/labctl.dev/v1/shutdown", {{"keepJournal", keep_journal}});
    } catch (const netemu::Error&) {
        // It does not answer (any more): the signal below does not need an answer.
        if (keeper) {
            (void)::syscall(SYS_pidfd_send_signal, keeper.get(), SIGTERM, nullptr, 0U);
        }
    }
    if (!wait_for_exit(keeper, kOrderlyEndMax) && supervisor) {
        (void)::syscall(SYS_pidfd_send_signal, supervisor.get(), SIGKILL, nullptr, 0U);
        wait_for_exit(keeper, kOrderlyEndMax);
    }
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

void end_lab(const Context& context, const LabPaths& paths, bool keep_journal) {
    const auto start = Clock::now();
    const bool alive = supervisor::lab_alive(paths);
    if (alive) {
        end_processes(paths, keep_journal);
    }
    if (!supervisor::lab_alive(paths)) {
        supervisor::remove_run_files(paths);
    }
    if (!keep_journal) {
        let_go_of_attachments(context, paths);
        forget_journal(paths);
    }
    if (!alive) {
        context.console().progress("lab '" + paths.name + "' is not up");
        return;
    }
    if (!netemu::wait_for_dead_namespaces(Clock::now() + kKernelDoneMax)) {
        context.console().warn("the kernel has not finished taking the lab's namespaces apart");
    }
    context.console().step("lab '" + paths.name + "' is down", micros_since(start));
}

bool is_up(const LabPaths& paths) {
    if (!supervisor::lab_alive(paths)) {
        return false;
    }
    try {
        auto client = Client::connect(paths.socket);
        const timeval limit{kAnswerMax.count(), 0};
        (void)::setsockopt(client.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        client.request("GET", "/apis/labctl.dev/v1/status");
    } catch (const RemoteError&) {
        return true; // busy, or not started yet: it says so itself
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
    for (const auto& name : names) {
        supervisor::check_lab_name(name);
        end_lab(context, LabPaths::of(name), options.keep);
    }
    return 0;
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
