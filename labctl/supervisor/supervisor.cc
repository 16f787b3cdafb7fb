#include "labctl/supervisor/supervisor.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <sstream>

#include <fcntl.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "labctl/supervisor/api_server.h"
#include "labctl/supervisor/lab.h"
#include "labctl/supervisor/launch.h"
#include "labctl/supervisor/routes.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/base/process.h"

namespace labctl::supervisor {

namespace {

using netemu::check_syscall;
using netemu::UniqueFd;

/// What this process prints goes to a file of the run directory.
void redirect_output(const LabPaths& paths) {
    const UniqueFd log(check_syscall(
        "create " + paths.log_file,
        ::open(paths.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)));
    check_syscall("redirect output", ::dup2(log.get(), STDOUT_FILENO));
    check_syscall("redirect output", ::dup2(log.get(), STDERR_FILENO));
}

/// Our own process id as the host numbers it, which only the keeper can know.
pid_t read_host_pid(int keeper_pipe) {
    std::array<char, 64> buffer{};
    const auto size = ::read(keeper_pipe, buffer.data(), buffer.size() - 1);
    std::istringstream text(
        std::string(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0));
    pid_t keeper = 0;
    pid_t supervisor = 0;
    text >> keeper >> supervisor;
    if (supervisor == 0) {
        throw netemu::Error("the keeper ended before it named this process");
    }
    return supervisor;
}

class Supervisor {
public:
    explicit Supervisor(const SupervisorArguments& arguments)
        : paths_(arguments.paths), lock_(arguments.lock), keeper_pipe_(arguments.keeper_pipe),
          errors_(arguments.errors), lab_(
                                         loop_,
                                         arguments.paths,
                                         read_host_pid(arguments.keeper_pipe),
                                         arguments.verbosity,
                                         HostSockets(UniqueFd(arguments.host_sockets))),
          routes_(lab_, [this](bool keep_journal) { shut_down(keep_journal); }),
          server_(loop_, [this](const ApiRequest& request, const ExchangePtr& exchange) {
              routes_.handle(request, exchange);
          }) {
        watch_signals();
        // The pipe closes when the keeper dies: then nobody would tidy up after us.
        loop_.add(keeper_pipe_.get(), EPOLLIN, [this](std::uint32_t) { shut_down(true); });
        server_.listen(paths_.socket);
        server_.adopt(UniqueFd(arguments.connection), [this] {
            if (!lab_.started()) {
                shut_down(true);
            }
        });
    }

    int run() {
        errors_.reset(); // from now on errors travel over the connection
        run_loop();
        let_go();
        if (!keep_journal_) {
            lab_.forget_journal();
        }
        remove_run_files(paths_, lock_); // or the keeper does, if this process is killed
        return 0;
    }

private:
    void watch_signals() {
        sigset_t set;
        sigemptyset(&set);
        for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
            sigaddset(&set, number);
        }
        check_syscall("block signals", ::sigprocmask(SIG_BLOCK, &set, nullptr));
        ::signal(SIGPIPE, SIG_IGN);
        signals_.reset(check_syscall(
            "create a signal descriptor", ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)));
        loop_.add(signals_.get(), EPOLLIN, [this](std::uint32_t) { shut_down(true); });
    }

    /// What leaves a callback costs what that callback was about, and not the lab.
    void run_loop() {
        constexpr int kErrorsMax = 1000; // within a minute: a lab that does nothing but fail ends
        constexpr auto kForgotten = std::chrono::minutes(1);
        int errors = 0;
        auto since = netemu::Clock::now();
        for (;;) {
            try {
                loop_.run();
                return;
            } catch (const netemu::Error& error) {
                netemu::log_error("supervisor", error.what());
                if (loop_.stopped()) {
                    return;
                }
                if (const auto now = netemu::Clock::now(); now - since > kForgotten) {
                    errors = 0;
                    since = now;
                }
                if (++errors > kErrorsMax) {
                    throw;
                }
            }
        }
    }

    /// Closes whatever the lab is held by. The kernel begins to take it apart now, and not when
    /// this process has ended, which takes it a grace period more: the end of asynchronous I/O
    /// (io_destroy(2)) waits for one, and so does the end of a process that has used it. The lock
    /// is for what comes last.
    void let_go() const {
        const auto lock = static_cast<unsigned>(lock_.get());
        (void)::close_range(STDERR_FILENO + 1, lock - 1, 0);
        (void)::close_range(lock + 1, ~0U, 0);
    }

    /// Ends the loop after this round; what the lab holds goes with the process.
    void shut_down(bool keep_journal) {
        keep_journal_ = keep_journal;
        loop_.stop();
    }

    LabPaths paths_;
    UniqueFd lock_;
    UniqueFd keeper_pipe_;
    UniqueFd errors_;
    UniqueFd signals_;
    netemu::EventLoop loop_;
    Lab lab_;
    Routes routes_;
    ApiServer server_;
    bool keep_journal_ = true;
};

void say_error(int fd, const netemu::Error& error) {
    const auto text = std::to_string(static_cast<int>(error.exit_code())) + "\n" + error.what() +
                      "\n" + error.hint() + "\n";
    (void)!::write(fd, text.data(), text.size());
}

} // namespace

int run_supervisor(const std::vector<std::string>& arguments) {
    const auto parsed = SupervisorArguments::parse(arguments);
    ::prctl(PR_SET_NAME, "labctl-lab");
    // A lab of a thousand pods allocates and frees a lot in a few moments; a bounded arena gives it
    // back.
    ::mallopt(M_ARENA_MAX, 1);
    for (const int fd :
         {parsed.connection, parsed.errors, parsed.keeper_pipe, parsed.host_sockets, parsed.lock}) {
        (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    netemu::set_log_verbosity(parsed.verbosity);
    try {
        redirect_output(parsed.paths);
        constexpr std::size_t kOpenFilesWanted = 262144;
        netemu::raise_open_files_limit(kOpenFilesWanted);
        check_syscall(
            "make mounts private", ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
        // No destructors: the kernel takes everything from us faster than we could give it back.
        ::_exit(Supervisor(parsed).run());
    } catch (const netemu::Error& error) {
        netemu::log_error("supervisor", error.what());
        say_error(parsed.errors, error);
        return static_cast<int>(error.exit_code());
    }
}

} // namespace labctl::supervisor
