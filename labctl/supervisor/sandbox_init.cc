#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labctl/api/object.h"
#include "labctl/supervisor/sandbox.h"
#include "labctl/supervisor/sandbox_protocol.h"
#include "netemu/base/error.h"
#include "netemu/base/memory_file.h"

namespace labctl::supervisor {

namespace {

using api::Json;
using netemu::check_syscall;
using netemu::errno_text;
using netemu::SysError;
using netemu::UniqueFd;
namespace fs = std::filesystem;

void reply(const Json& message) {
    const auto text = message.dump();
    (void)!::write(kSandboxChannelFd, text.data(), text.size());
}

Json read_configuration() {
    const auto text = netemu::memory_text(kSandboxConfigurationFd);
    ::close(kSandboxConfigurationFd);
    return Json::parse(text);
}

/// Sets up the mounts of a sandbox; collects what a restricted host refuses.
class Mounts {
public:
    explicit Mounts(const Json& configuration)
        : rootfs_(configuration["rootfs"]), work_(configuration["hideDir"]) {}

    std::vector<std::string> set_up(const Json& configuration) {
        check_syscall(
            "make mounts private", ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
        if (!rootfs_.empty()) {
            check_syscall(
                "bind " + rootfs_,
                ::mount(rootfs_.c_str(), rootfs_.c_str(), nullptr, MS_BIND | MS_REC, nullptr));
        }
        const auto bird = configuration["birdDir"].get<std::string>();
        const UniqueFd shared(
            bird.empty() ? -1 : ::open(bird.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        cover_work();
        if (!bird.empty()) {
            show_bird(shared.get());
        }
        place("/etc/resolv.conf", "resolv.conf", configuration["resolvConf"]);
        place("/etc/hosts", "hosts", configuration["hosts"]);
        place("/etc/hostname", "hostname", configuration["hostname"].get<std::string>() + "\n");
        try_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
        try_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC);
        if (!rootfs_.empty()) {
            try_bind("/dev", rootfs_ + "/dev");
            pivot();
        }
        return warnings_;
    }

private:
    void warn(const std::string& what) { warnings_.push_back(what + ": " + errno_text(errno)); }

    void try_mount(
        const char* source, const std::string& target, const char* type, unsigned long flags) {
        const auto path = rootfs_ + target;
        if (::mount(source, path.c_str(), type, flags, nullptr) != 0) {
            warn("mount " + path);
        }
    }

    void try_bind(const std::string& source, const std::string& target) {
        if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
            warn("bind " + source + " on " + target);
        }
    }

    void cover_work() {
        check_syscall(
            "mount a tmpfs on " + work_,
            ::mount("tmpfs", work_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m"));
    }

    /// A folder of the host, as the descriptor has it, becomes /run/bird, where birdc(8) looks.
    void show_bird(int folder) {
        const char* const place = "/run/bird";
        struct stat status {};
        if (::stat(place, &status) != 0) {
            renew_run();
            check_syscall("create /run/bird", ::mkdir(place, 0755));
        }
        const auto source = "/proc/self/fd/" + std::to_string(folder);
        check_syscall(
            "bind the folder of BIRD on /run/bird",
            ::mount(source.c_str(), place, nullptr, MS_BIND, nullptr));
    }

    /// Makes /run a directory of ours that shows what the host's shows, and that can hold more. An
    /// overlay would show its file system without what is mounted in it.
    static void renew_run() {
        constexpr unsigned kRecursive = 0x8000; // AT_RECURSIVE of linux/fcntl.h
        std::map<fs::path, UniqueFd> entries;
        std::map<fs::path, fs::path> links;
        for (const auto& entry : fs::directory_iterator("/run")) {
            std::error_code ignored;
            if (entry.is_symlink(ignored)) {
                links[entry.path()] = fs::read_symlink(entry.path(), ignored);
                continue;
            }
            const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | kRecursive;
            UniqueFd tree(::open_tree(AT_FDCWD, entry.path().c_str(), flags));
            if (tree) {
                entries[entry.path()] = std::move(tree);
            }
        }
        std::map<fs::path, bool> directories;
        for (const auto& [path, tree] : entries) {
            std::error_code ignored;
            directories[path] = fs::is_directory(path, ignored);
        }
        check_syscall(
            "mount a tmpfs on /run",
            ::mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m"));
        for (const auto& [path, tree] : entries) {
            const UniqueFd file(
                directories[path] ? -1 : ::open(path.c_str(), O_CREAT | O_CLOEXEC, 0600));
            (void)(directories[path] && ::mkdir(path.c_str(), 0755) == 0);
            (void)::move_mount(tree.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH);
        }
        for (const auto& [path, target] : links) {
            (void)::symlink(target.c_str(), path.c_str());
        }
    }

    /// Puts our own text in the place of a file without touching the file.
    void place(const std::string& target, const std::string& name, const std::string& text) {
        if (text.empty()) {
            return;
        }
        const auto path = rootfs_ + target;
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0 && !lay_over_etc()) {
            warn("replace " + path + ", which does not exist");
            return;
        }
        const auto source = work_ + "/" + name;
        const bool over = ::stat(path.c_str(), &status) != 0;
        const auto& file = over ? path : source;
        const UniqueFd fd(check_syscall(
            "write " + file, ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)));
        (void)!::write(fd.get(), text.data(), text.size());
        if (!over) {
            try_bind(source, path);
        }
    }

    /// Where a file is missing, only a writable layer over /etc can show one.
    bool lay_over_etc() {
        if (overlaid_) {
            return *overlaid_;
        }
        const auto upper = work_ + "/etc-upper";
        const auto scratch = work_ + "/etc-work";
        ::mkdir(upper.c_str(), 0755);
        ::mkdir(scratch.c_str(), 0755);
        const auto etc = rootfs_ + "/etc";
        const auto options = "lowerdir=" + etc + ",upperdir=" + upper + ",workdir=" + scratch;
        overlaid_ = ::mount("overlay", etc.c_str(), "overlay", 0, options.c_str()) == 0;
        return *overlaid_;
    }

    void pivot() {
        check_syscall("enter " + rootfs_, ::chdir(rootfs_.c_str()));
        check_syscall(
            "pivot_root to " + rootfs_, static_cast<int>(::syscall(SYS_pivot_root, ".", ".")));
        check_syscall("detach the old root", ::umount2(".", MNT_DETACH));
        check_syscall("enter the new root", ::chdir("/"));
    }

    std::string rootfs_;
    std::string work_;
    std::vector<std::string> warnings_;
    std::optional<bool> overlaid_;
};

std::vector<std::string> set_up() {
    const auto configuration = read_configuration();
    check_syscall("enter the network namespace", ::setns(kSandboxNetnsFd, CLONE_NEWNET));
    ::close(kSandboxNetnsFd);
    const auto hostname = configuration["hostname"].get<std::string>();
    check_syscall("set the host name", ::sethostname(hostname.data(), hostname.size()));
    auto warnings = Mounts(configuration).set_up(configuration);
    check_syscall("enter /", ::chdir("/"));
    return warnings;
}

/// Runs in the new child: turns it into the command, or says why not through `errors`.
[[noreturn]] void become(const Json& command, int output, int errors) {
    ::setsid();
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    (void)::dup2(output, STDOUT_FILENO);
    (void)::dup2(output, STDERR_FILENO);
    ::clearenv();
    ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    ::setenv("HOME", "/root", 1);
    for (const auto& [name, value] : command["environment"].items()) {
        ::setenv(name.c_str(), value.get<std::string>().c_str(), 1);
    }
    const auto directory = command["directory"].get<std::string>();
    std::vector<std::string> arguments = command["arguments"];
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (auto& argument : arguments) {
        argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    if (directory.empty() || ::chdir(directory.c_str()) == 0) {
        ::execvp(argv[0], argv.data());
    }
    const int failed = errno;
    (void)!::write(errors, &failed, sizeof failed);
    ::_exit(127);
}

/// Process 1 after set-up: starts commands, reaps everything, ends when the supervisor's end
/// closes.
class Init {
public:
    int run() {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        ::sigprocmask(SIG_BLOCK, &set, nullptr);
        const UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
        std::array<pollfd, 2> wait{
            pollfd{kSandboxChannelFd, POLLIN, 0}, pollfd{signals.get(), POLLIN, 0}};
        for (;;) {
            if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) {
                return 1;
            }
            signalfd_siginfo info{};
            while (::read(signals.get(), &info, sizeof info) > 0) {
            }
            reap();
            if (wait[0].revents != 0 && !take_command()) {
                return 0;
            }
        }
    }

private:
    void reap() {
        int status = 0;
        for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
             pid = ::waitpid(-1, &status, WNOHANG)) {
            if (pid == command_) {
                command_ = 0;
                reply({{"status", status}, {"error", ""}});
            }
        }
    }

    bool take_command() {
        std::vector<char> buffer(kSandboxMessageBytesMax);
        const auto message = netemu::receive_with_fds(kSandboxChannelFd, buffer);
        if (message.size <= 0) {
            return false;
        }
        const auto order = Json::parse(buffer.begin(), buffer.begin() + message.size);
        if (const auto signal = order.find("signal"); signal == order.end()) {
            start(order, message.fds.at(0).get());
        } else if (command_ > 0) {
            (void)::kill(command_, signal->get<int>());
        }
        return true;
    }

    void start(const Json& command, int output) {
        std::array<int, 2> pipe{};
        check_syscall("create a pipe", ::pipe2(pipe.data(), O_CLOEXEC));
        const UniqueFd errors_read(pipe[0]);
        UniqueFd errors_write(pipe[1]);
        const pid_t pid = ::fork();
        if (pid == 0) {
            become(command, output, errors_write.get());
        }
        errors_write.reset();
        int failed = pid < 0 ? errno : 0;
        if (pid > 0 && ::read(errors_read.get(), &failed, sizeof failed) <= 0) {
            command_ = pid;
            return;
        }
        reply(
            {{"status", -1},
             {"error",
              "start " + command["arguments"][0].get<std::string>() + ": " + errno_text(failed)}});
    }

    pid_t command_ = 0;
};

} // namespace

int run_sandbox() {
    ::prctl(PR_SET_NAME, "labctl-pause");
    for (const int fd : {kSandboxNetnsFd, kSandboxConfigurationFd, kSandboxChannelFd}) {
        (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    try {
        reply({{"warnings", set_up()}});
        return Init().run();
    } catch (const SysError& error) {
        reply({{"attempt", error.what()}, {"error", error.error_number()}});
    } catch (const std::exception& error) {
        reply({{"attempt", error.what()}, {"error", EINVAL}});
    }
    return 1;
}

} // namespace labctl::supervisor
