#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/sandbox.h"
#include "mesh/tls/prepare.h"
#include "mesh/tls/session.h"

// NOLINTBEGIN: Boost.Test's macros, and system calls on purpose
namespace {

constexpr int kHolds = 0;
constexpr int kBroken = 1;
constexpr int kThrew = 2;

/// Whether `claim` holds in a process of its own that is restricted as the data plane is.
/// `prepare` is done before.
int in_sandbox(
    const std::function<bool()>& claim, const std::function<void()>& prepare = [] {}) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        int status = kThrew;
        try {
            prepare();
            labctl::dataplane::drop_privileges(8);
            labctl::dataplane::restrict_system_calls();
            status = claim() ? kHolds : kBroken;
        } catch (...) {
        }
        ::_exit(status);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// A controller's whole life with TLS: a certificate out of a Secret, a handshake, and words.
bool speaks_tls(const std::string& chain, const std::string& key, const std::string& ca) {
    mesh::TlsServerSettings settings;
    settings.identity = [&](std::string_view) { return mesh::TlsIdentity::parse(chain, key); };
    settings.client_ca_pem = ca;
    mesh::TlsClientSettings wanted;
    wanted.ca_pem = ca;
    wanted.must_verify = true;
    wanted.identity = mesh::TlsIdentity::make_self_signed("x", {}, std::chrono::hours(1));
    bool good = true;
    for (const bool mutual : {true, false}) {
        if (!mutual) {
            settings.client_ca_pem.clear();
        }
        mesh::TlsServerSession server(mesh::TlsServerConfig::make(settings));
        mesh::TlsClientSession client(mesh::TlsClientConfig::make(wanted), "web.lab");
        client.write("hello");
        for (int i = 0; i < 4; ++i) {
            server.feed(client.take_output());
            client.feed(server.take_output());
        }
        good = good && client.verified() &&
               (mutual ? client.error() == "alert: unknown CA" : server.take_plain() == "hello");
    }
    return good;
}

std::string test_file(const std::string& name) {
    std::ifstream in(std::string(LABCTL_SOURCE_DIR) + "/tests/unit/data/tls/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
}

bool denied(long result) {
    return result == -1 && errno == EPERM;
}

} // namespace

BOOST_AUTO_TEST_CASE(what_the_data_plane_must_not_do_fails) {
    const std::pair<const char*, std::function<bool()>> rows[] = {
        {"open", [] { return denied(::open("/etc/passwd", O_RDONLY)); }},
        {"openat2", [] { return denied(::syscall(SYS_openat2, AT_FDCWD, "/", nullptr, 0)); }},
        {"creat", [] { return denied(::syscall(SYS_creat, "/tmp/x", 0600)); }},
        {"socket", [] { return denied(::socket(AF_INET, SOCK_STREAM, 0)); }},
        {"netlink socket", [] { return denied(::socket(AF_NETLINK, SOCK_RAW, 0)); }},
        {"socketpair",
         [] {
             int fds[2];
             return denied(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
         }},
        {"execve", [] { return denied(::execl("/bin/true", "true", nullptr)); }},
        {"execveat",
         [] {
             return denied(::syscall(SYS_execveat, AT_FDCWD, "/bin/true", nullptr, nullptr, 0));
         }},
        {"fork", [] { return denied(::syscall(SYS_fork)); }},
        {"clone",
         [] { return denied(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0)); }},
        {"clone3", [] { return denied(::syscall(SYS_clone3, nullptr, 0)); }},
        {"unshare", [] { return denied(::unshare(CLONE_NEWUSER)); }},
        {"setns", [] { return denied(::setns(0, 0)); }},
        {"mount", [] { return denied(::mount("none", "/", "tmpfs", 0, nullptr)); }},
        {"ptrace", [] { return denied(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }},
        {"kill", [] { return denied(::kill(::getpid(), 0)); }},
        {"setuid", [] { return denied(::syscall(SYS_setuid, 0)); }},
        {"bpf", [] { return denied(::syscall(SYS_bpf, 0, nullptr, 0)); }},
        {"io_uring_setup", [] { return denied(::syscall(SYS_io_uring_setup, 1, nullptr)); }},
        {"process_vm_readv",
         [] { return denied(::syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0)); }},
        {"executable memory",
         [] {
             return ::mmap(
                        nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                        MAP_FAILED &&
                    errno == EPERM;
         }},
        {"memory made executable",
         [] {
             void* page =
                 ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             return page != MAP_FAILED && denied(::mprotect(page, 4096, PROT_READ | PROT_EXEC));
         }},
        {"duplicating descriptors by fcntl", [] { return denied(::fcntl(0, F_DUPFD, 0)); }},
    };
    for (const auto& [name, claim] : rows) {
        BOOST_TEST(in_sandbox(claim) == kHolds, name);
    }
}

BOOST_AUTO_TEST_CASE(what_the_data_plane_needs_works) {
    BOOST_TEST(in_sandbox([] {
                   void* page = ::mmap(
                       nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                   const std::string grown(10U << 20U, 'x');
                   return page != MAP_FAILED && grown.size() == 10U << 20U &&
                          ::fcntl(0, F_GETFL) >= 0 && ::write(2, "", 0) == 0;
               }) == kHolds);
    BOOST_TEST(in_sandbox([] {
                   try {
                       throw std::runtime_error("exceptions still work");
                   } catch (const std::exception&) {
                       return true;
                   }
               }) == kHolds);
}

BOOST_AUTO_TEST_CASE(tls_works_in_every_thread_behind_the_filter) {
    const auto ca = test_file("ca.pem");
    for (const std::string kind : {"rsa", "ec", "ed25519"}) {
        const auto chain = test_file(kind + ".pem");
        const auto key = test_file(kind + ".key");
        BOOST_REQUIRE(!key.empty());
        std::atomic<bool> restricted = false;
        std::atomic<int> other = -1;
        std::thread thread; // as the data plane's: made before, at work afterwards
        const auto prepare = [&] {
            mesh::prepare_tls();
            thread = std::thread([&] {
                restricted.wait(false);
                other = speaks_tls(chain, key, ca) ? 1 : 0;
            });
        };
        const auto claim = [&] {
            restricted = true;
            restricted.notify_all();
            const bool here = speaks_tls(chain, key, ca);
            thread.join();
            return here && other == 1 && denied(::open("/dev/urandom", O_RDONLY));
        };
        BOOST_TEST(in_sandbox(claim, prepare) == kHolds, kind);
    }
}

BOOST_AUTO_TEST_CASE(descriptors_that_nobody_gave_are_closed) {
    const int fd = ::fcntl(2, F_DUPFD, 30);
    BOOST_TEST(in_sandbox([fd] { return ::fcntl(fd, F_GETFL) < 0 && errno == EBADF; }) == kHolds);
    ::close(fd);
}
// NOLINTEND
