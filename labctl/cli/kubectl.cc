#include "labctl/cli/kubectl.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labctl/cli/api_proxy.h"
#include "labctl/cli/interrupt_guard.h"
#include "netemu/base/error.h"
#include "netemu/base/process.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

namespace fs = std::filesystem;

/// The kubeconfig of a running proxy, in a directory of its own below the lab's, which only its
/// owner can read. Gone with this, or at the latest with the lab.
class Kubeconfig {
public:
    Kubeconfig(const Context& context, const supervisor::LabPaths& lab, const std::string& url) {
        std::string name = lab.run_dir + "/kubectl.XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) {
            throw netemu::SysError("make a directory in " + lab.run_dir, errno);
        }
        directory_ = name;
        std::ofstream out(path());
        // JSON is YAML, and needs no quoting of ours.
        out << nlohmann::json{
                   {"apiVersion", "v1"},
                   {"kind", "Config"},
                   {"clusters", {{{"name", lab.name}, {"cluster", {{"server", url}}}}}},
                   {"users", {{{"name", "labctl"}, {"user", nlohmann::json::object()}}}},
                   {"contexts",
                    {{{"name", lab.name},
                      {"context",
                       {{"cluster", lab.name}, {"user", "labctl"}, {"namespace", context.ns()}}}}}},
                   {"current-context", lab.name}}
                   .dump(2)
            << "\n";
        if (!out.flush()) {
            throw netemu::Error("cannot write " + path());
        }
    }
    Kubeconfig(const Kubeconfig&) = delete;
    Kubeconfig& operator=(const Kubeconfig&) = delete;
    ~Kubeconfig() {
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }

    [[nodiscard]] std::string path() const { return directory_ + "/config"; }
    /// Where kubectl keeps what it has learnt of a server: this one's address is soon gone.
    [[nodiscard]] std::string cache() const { return directory_ + "/cache"; }

private:
    std::string directory_;
};

/// Signals that end the command come through here, so that nothing stays behind.
class EndSignals {
public:
    EndSignals() {
        sigset_t set;
        sigemptyset(&set);
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
            sigaddset(&set, number);
        }
        netemu::check_syscall("block signals", ::sigprocmask(SIG_BLOCK, &set, &before_));
        fd_.reset(netemu::check_syscall(
            "make a signalfd", ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)));
    }
    EndSignals(const EndSignals&) = delete;
    EndSignals& operator=(const EndSignals&) = delete;
    ~EndSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

    [[nodiscard]] int fd() const { return fd_.get(); }
    /// The signal that has come.
    [[nodiscard]] int take() const {
        signalfd_siginfo info{};
        return ::read(fd_.get(), &info, sizeof info) == sizeof info
                   ? static_cast<int>(info.ssi_signo)
                   : 0;
    }

private:
    sigset_t before_{};
    netemu::UniqueFd fd_;
};

std::string find_program(const std::string& name) {
    const char* const path = std::getenv("PATH");
    for (const auto directory : netemu::split(path == nullptr ? "" : path, ':')) {
        auto file = std::string(directory) + "/" + name;
        if (!directory.empty() && ::access(file.c_str(), X_OK) == 0) {
            return file;
        }
    }
    return {};
}

} // namespace

int run_kubectl(const Context& context) {
    const auto program = find_program("kubectl");
    if (program.empty()) {
        throw netemu::UsageError(
            "there is no kubectl on this host",
            "install it (Debian: apt-get install kubernetes-client); labctl's own get, describe, "
            "apply, delete, scale, label and logs need none");
    }
    const auto lab = context.lab();
    (void)context.client(); // says so where the lab is not up
    netemu::EventLoop loop;
    const EndSignals signals;
    const ApiProxy proxy(loop, lab.socket, 0);
    const Kubeconfig config(context, lab, proxy.url());
    ::setenv("KUBECONFIG", config.path().c_str(), 1);
    ::setenv("KUBECACHEDIR", config.cache().c_str(), 1);
    netemu::SpawnOptions options;
    options.executable = program;
    options.arguments = context.options().arguments;
    options.arguments.insert(options.arguments.begin(), "kubectl");
    options.new_session = false;
    options.null_stdio = false;
    const auto child = netemu::spawn(options);
    loop.add(child.pidfd.get(), EPOLLIN, [&loop](std::uint32_t) { loop.stop(); });
    loop.add(signals.fd(), EPOLLIN, [&](std::uint32_t) {
        // What a terminal sends (to all of its foreground group) kubectl has got already.
        if (const int number = signals.take(); number == SIGTERM || number == SIGHUP) {
            ::kill(child.pid, number);
        }
    });
    loop.run();
    int status = 0;
    netemu::check_syscall("wait for kubectl", ::waitpid(child.pid, &status, 0));
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int run_proxy(const Context& context) {
    const auto lab = context.lab();
    const auto& text = context.options().port;
    const auto port = static_cast<std::uint16_t>(text.empty() ? 0 : std::stoul(text));
    auto client = context.client(); // its end is that of the lab
    netemu::EventLoop loop;
    const EndSignals signals;
    const ApiProxy proxy(loop, lab.socket, port);
    const Kubeconfig config(context, lab, proxy.url());
    std::cout << "export KUBECONFIG=" << config.path() << std::endl;
    context.console().progress(
        "the API of lab '" + lab.name + "' is at " + proxy.url() + " until this is interrupted");
    bool lab_gone = false;
    loop.add(client.fd(), EPOLLIN, [&](std::uint32_t) {
        lab_gone = true;
        loop.stop();
    });
    loop.add(signals.fd(), EPOLLIN, [&](std::uint32_t) {
        (void)signals.take();
        loop.stop();
    });
    loop.run();
    if (!lab_gone) {
        throw InterruptedError();
    }
    context.console().progress("the lab has ended");
    return 0;
}

} // namespace labctl::cli
