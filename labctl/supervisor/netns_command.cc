#include "labctl/supervisor/netns_command.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netemu/base/error.h"
#include "netemu/base/memory_file.h"
#include "netemu/base/process.h"
#include "netemu/base/text.h"
#include "netemu/kernel/namespace_scope.h"

namespace labctl::supervisor {

namespace {

constexpr std::size_t kCommandsAtOnceMax = 4;

/// One program that runs. Its destruction ends it.
class RunningCommand {
public:
    RunningCommand(const NetnsCommand& command, int home)
        : out_(netemu::memory_file({})), err_(netemu::memory_file({})) {
        const auto input = netemu::memory_file(command.input);
        netemu::SpawnOptions options;
        options.executable = command.arguments.at(0);
        options.arguments = command.arguments;
        options.fds = {{input.get(), 0}, {out_.get(), 1}, {err_.get(), 2}};
        netemu::NamespaceScope scope(home);
        scope.enter(command.netns_fd);
        process_ = netemu::spawn(options); // a child is where its parent is
    }
    RunningCommand(const RunningCommand&) = delete;
    RunningCommand& operator=(const RunningCommand&) = delete;
    ~RunningCommand() {
        if (process_.pid > 0) {
            end();
        }
    }

    NetnsResult wait() {
        pollfd ended{process_.pidfd.get(), POLLIN, 0};
        int ready = 0;
        do {
            ready = ::poll(&ended, 1, static_cast<int>(kNetnsCommandSeconds) * 1000);
        } while (ready < 0 && errno == EINTR);
        const int status = ready > 0 ? reap() : end();
        return {
            WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            netemu::memory_text(out_.get()),
            netemu::memory_text(err_.get())};
    }

private:
    int reap() {
        int status = 0;
        while (::waitpid(process_.pid, &status, 0) < 0 && errno == EINTR) {
        }
        process_.pid = 0;
        return status;
    }
    int end() {
        (void)::syscall(SYS_pidfd_send_signal, process_.pidfd.get(), SIGKILL, nullptr, 0U);
        return reap();
    }

    netemu::UniqueFd out_;
    netemu::UniqueFd err_;
    netemu::SpawnedProcess process_;
};

} // namespace

std::vector<NetnsResult> run_in_namespaces(const std::vector<NetnsCommand>& commands) {
    const auto home = netemu::current_namespace();
    std::vector<std::unique_ptr<RunningCommand>> running;
    std::vector<NetnsResult> results;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        if (i >= kCommandsAtOnceMax) {
            results.push_back(running[results.size()]->wait());
        }
        running.push_back(std::make_unique<RunningCommand>(commands[i], home.get()));
    }
    while (results.size() < running.size()) {
        results.push_back(running[results.size()]->wait());
    }
    return results;
}

std::string find_program(const std::string& name) {
    const char* path = std::getenv("PATH"); // NOLINT(concurrency-mt-unsafe)
    const auto places = std::string(path == nullptr ? "" : path) + ":/usr/sbin:/sbin";
    for (const auto place : netemu::split(places, ':')) {
        auto file = std::string(place) + "/" + name;
        if (!place.empty() && ::access(file.c_str(), X_OK) == 0) {
            return file;
        }
    }
    return {};
}

} // namespace labctl::supervisor
