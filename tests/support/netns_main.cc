#include "tests/support/netns_main.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOST_TEST_NO_MAIN
#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/base/unique_fd.h"

namespace netemu::test {

namespace {

struct Pipe {
    Pipe() {
        int fds[2];
        check_syscall("create a pipe", ::pipe2(fds, O_CLOEXEC));
        in.reset(fds[0]);
        out.reset(fds[1]);
    }
    UniqueFd in;
    UniqueFd out;
};

[[noreturn]] void execute(int namespace_fd, std::vector<char*>& arguments, int out, int err) {
    constexpr int kCannotRun = 126;
    if (namespace_fd >= 0 && ::setns(namespace_fd, CLONE_NEWNET) < 0) {
        ::_exit(kCannotRun);
    }
    (void)::dup2(out, STDOUT_FILENO);
    (void)::dup2(err, STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    std::perror(arguments[0]);
    ::_exit(kCannotRun);
}

/// Reads both until their ends.
void collect(Output& output, int out, int err) {
    pollfd both[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
    std::string* texts[2] = {&output.out, &output.err};
    while (both[0].fd >= 0 || both[1].fd >= 0) {
        (void)::poll(both, 2, -1);
        for (int i = 0; i < 2; ++i) {
            char buffer[4096];
            if (both[i].fd < 0 || both[i].revents == 0) {
                continue;
            }
            const auto length = ::read(both[i].fd, buffer, sizeof buffer);
            if (length > 0) {
                texts[i]->append(buffer, static_cast<std::size_t>(length));
            } else {
                both[i].fd = -1;
            }
        }
    }
}

void write_file(const char* path, const std::string& text) {
    std::ofstream file(path);
    file << text;
}

/// Null, or what was refused.
const char* leave() {
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    const int user_flag = user == 0 ? 0 : CLONE_NEWUSER;
    if (::unshare(user_flag | CLONE_NEWNET | CLONE_NEWNS) < 0) {
        return "unshare";
    }
    if (user_flag != 0) {
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
        write_file("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
    }
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) {
        return "mount";
    }
    return nullptr;
}

bool initialize() {
    return true; // the test cases have registered themselves
}

} // namespace

Output run_in(int namespace_fd, const std::vector<std::string>& command) {
    std::vector<std::string> words = command;
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    Pipe out;
    Pipe err;
    const pid_t pid = check_syscall("fork", ::fork());
    if (pid == 0) {
        execute(namespace_fd, arguments, out.out.get(), err.out.get());
    }
    out.out.reset();
    err.out.reset();
    Output output;
    collect(output, out.in.get(), err.in.get());
    int status = 0;
    check_syscall("wait for a command", ::waitpid(pid, &status, 0));
    output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return output;
}

nlohmann::json json_in(int namespace_fd, const std::vector<std::string>& command) {
    const Output output = run_in(namespace_fd, command);
    std::string line;
    for (const std::string& word : command) {
        line += word + ' ';
    }
    if (output.status != 0) {
        throw std::runtime_error(
            line + "ended with " + std::to_string(output.status) + ": " + output.out + output.err);
    }
    if (output.out.empty()) {
        return nlohmann::json::array();
    }
    return nlohmann::json::parse(output.out);
}

} // namespace netemu::test

int main(int argc, char** argv) {
    constexpr int kSkipped = 77;
    if (const char* what = netemu::test::leave()) {
        const char* strict = std::getenv("LABCTL_TEST_STRICT");
        const bool fail = strict != nullptr && std::string_view(strict) == "1";
        (void)std::fprintf(
            stderr,
            "%s: %s refused: %s\n",
            fail ? "FAILED" : "SKIPPED",
            what,
            std::strerror(errno));
        return fail ? 1 : kSkipped;
    }
    (void)std::fprintf(
        stderr, "# nsenter -t %d -U -n -m --preserve-credentials\n", static_cast<int>(::getpid()));
    return boost::unit_test::unit_test_main(&netemu::test::initialize, argc, argv);
}
