#include "labctl/supervisor/cni_process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labctl/api/object.h"
#include "netemu/base/error.h"
#include "netemu/base/memory_file.h"
#include "netemu/base/text.h"
#include "netemu/kernel/namespace_scope.h"

namespace labctl::supervisor {

namespace {

constexpr std::size_t kPluginOutputMax = 1U << 20U;

std::string plugin_text(const netemu::UniqueFd& file) {
    return netemu::memory_text(file.get(), 0, kPluginOutputMax);
}

} // namespace

std::string words_of(const CniProcessEnd& end) {
    const auto json = api::Json::parse(end.out, nullptr, false);
    auto words = json.is_object() ? api::string_at(json, "msg") : std::string{};
    if (const auto details = json.is_object() ? api::string_at(json, "details") : std::string{};
        !details.empty()) {
        words += (words.empty() ? "" : ": ") + details;
    }
    if (json.is_object() && json.contains("code")) {
        words += " (code " + json["code"].dump() + ")";
    }
    if (words.empty()) {
        words = std::string(netemu::trim(end.err.empty() ? end.out : end.err));
    }
    return words.empty() ? "it ended with status " + std::to_string(end.status) : words;
}

std::string cni_program_path() {
    const char* path = std::getenv("PATH"); // NOLINT(concurrency-mt-unsafe)
    return std::string(path == nullptr ? "/usr/bin:/bin" : path) + ":/usr/sbin:/sbin";
}

CniProcess::CniProcess(
    netemu::EventLoop& loop, const CniProcessSpec& spec, std::function<void(CniProcessEnd)> done)
    : loop_(loop), done_(std::move(done)), out_(netemu::memory_file({})),
      err_(netemu::memory_file({})) {
    const auto input = netemu::memory_file(spec.input);
    netemu::SpawnOptions options;
    options.executable = "/usr/bin/env"; // whose arguments are the environment
    options.arguments = {"env"};
    for (const auto& [name, value] : spec.environment) {
        options.arguments.push_back(name + "=" + value);
    }
    options.arguments.emplace_back("/usr/bin/unshare");
    if (spec.netns_fd >= 0) {
        // Plugins find themselves by /proc/PID, and the /proc of a lab is the host's, which numbers
        // otherwise.
        options.arguments.emplace_back("--mount-proc");
    } else {
        options.arguments.emplace_back(::geteuid() == 0 ? "-n" : "-rn");
    }
    options.arguments.push_back(spec.program);
    options.fds = {{input.get(), 0}, {out_.get(), 1}, {err_.get(), 2}};
    const auto home = netemu::current_namespace();
    {
        netemu::NamespaceScope scope(home.get());
        if (spec.netns_fd >= 0) {
            scope.enter(spec.netns_fd);
        }
        process_ = netemu::spawn(options); // a child is where its parent is
    }
    loop_.add(process_.pidfd.get(), EPOLLIN, [this](std::uint32_t) { ended(); });
    timer_ = loop_.after(kLimit, [this] {
        timer_ = 0;
        kill();
    });
}

CniProcess::~CniProcess() {
    if (timer_ != 0) {
        loop_.cancel(timer_);
    }
    if (process_.pid > 0) {
        loop_.remove(process_.pidfd.get());
        kill();
        reap();
    }
}

void CniProcess::kill() {
    (void)::syscall(SYS_pidfd_send_signal, process_.pidfd.get(), SIGKILL, nullptr, 0U);
}

int CniProcess::reap() {
    int status = 0;
    while (::waitpid(process_.pid, &status, 0) < 0 && errno == EINTR) {
    }
    process_.pid = 0;
    return status;
}

void CniProcess::ended() {
    loop_.remove(process_.pidfd.get());
    const int status = reap();
    CniProcessEnd end{
        WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        plugin_text(out_),
        plugin_text(err_),
        netemu::micros_since(begin_)};
    const auto done = std::move(done_);
    done(std::move(end)); // may destroy this
}

} // namespace labctl::supervisor
