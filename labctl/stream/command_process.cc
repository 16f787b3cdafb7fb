#include "labctl/stream/command_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "labctl/stream/sandbox_entry.h"
#include "netemu/base/error.h"
#include "netemu/base/process.h"

namespace labctl::stream {

using netemu::check_syscall;
using netemu::UniqueFd;

namespace {

struct Pipe {
    Pipe() {
        std::array<int, 2> fds{};
        check_syscall("create a pipe", ::pipe2(fds.data(), O_CLOEXEC));
        reader.reset(fds[0]);
        writer.reset(fds[1]);
    }
    UniqueFd reader;
    UniqueFd writer;
};

UniqueFd open_null() {
    return UniqueFd(check_syscall("open /dev/null", ::open("/dev/null", O_RDWR | O_CLOEXEC)));
}

UniqueFd duplicate(const UniqueFd& fd) {
    return UniqueFd(check_syscall("duplicate a descriptor", ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3)));
}

} // namespace

CommandProcess::CommandProcess(netemu::EventLoop& loop, CommandStreams streams, pid_t& record)
    : loop_(loop), streams_(streams), record_(record) {
    if (!streams_.terminal) {
        child_in_ = open_null();
        child_out_ = open_null();
        child_error_ = open_null();
        return;
    }
    terminal_.reset(check_syscall(
        "open a terminal", ::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)));
    int unlocked = 0;
    check_syscall("unlock a terminal", ::ioctl(terminal_.get(), TIOCSPTLCK, &unlocked));
    // By its descriptor, not by its name: the sandbox may have another /dev/pts, or none.
    child_in_.reset(check_syscall(
        "open a terminal's other end",
        ::ioctl(terminal_.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)));
}

CommandProcess::~CommandProcess() {
    for (auto& source : sources_) {
        close_source(source);
    }
    close_input();
    loop_.cancel(kill_timer_);
    if (pid_ > 0 && !reaped_) {
        loop_.remove(pidfd_.get());
        signal_group(SIGKILL);
        (void)::waitpid(pid_, nullptr, 0);
        record_ = 0;
    }
}

void CommandProcess::start(const std::vector<std::string>& command, Handlers handlers) {
    handlers_ = std::move(handlers);
    if (streams_.terminal) {
        sources_.push_back({duplicate(terminal_), OutputChannel::Output});
        if (streams_.input) {
            to_command_ = duplicate(terminal_);
        }
    } else {
        if (streams_.input) {
            Pipe pipe;
            child_in_ = std::move(pipe.reader);
            to_command_ = std::move(pipe.writer);
        }
        for (const auto& [wanted, child, channel] :
             {std::tuple{streams_.output, &child_out_, OutputChannel::Output},
              std::tuple{streams_.error, &child_error_, OutputChannel::Error}}) {
            if (wanted) {
                Pipe pipe;
                *child = std::move(pipe.writer);
                sources_.push_back({std::move(pipe.reader), channel});
            }
        }
    }
    // As fork(2), but the kernel notes the child's number before there is a child.
    pid_ = check_syscall(
        "fork",
        static_cast<pid_t>(::syscall(
            SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, nullptr, &record_, nullptr, nullptr)));
    if (pid_ == 0) {
        run_child(command);
    }
    child_in_.reset();
    child_out_.reset();
    child_error_.reset();
    pidfd_.reset(
        check_syscall("watch the command", static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U))));
    loop_.add(pidfd_.get(), EPOLLIN, [this](std::uint32_t) { reap(); });
    for (auto& source : sources_) {
        netemu::set_nonblocking(source.fd.get());
    }
    if (to_command_) {
        netemu::set_nonblocking(to_command_.get());
        loop_.add(to_command_.get(), 0, [this](std::uint32_t events) {
            (events & (EPOLLERR | EPOLLHUP)) != 0 ? forget_input() : write_input();
        });
    }
    started_ = true;
    watch_output();
    write_input();
}

/// In the child: never returns.
void CommandProcess::run_child(const std::vector<std::string>& command) {
    ::setsid();
    const int in = child_in_.get();
    if (streams_.terminal) {
        (void)::ioctl(in, TIOCSCTTY, 0);
    }
    (void)::dup2(in, STDIN_FILENO);
    (void)::dup2(streams_.terminal ? in : child_out_.get(), STDOUT_FILENO);
    (void)::dup2(streams_.terminal ? in : child_error_.get(), STDERR_FILENO);
    become_command(command);
}

void CommandProcess::input(std::string_view bytes) {
    if (!input_ended_ && (!started_ || to_command_)) {
        input_.append(bytes);
        write_input();
    }
}

void CommandProcess::end_input() {
    if (!std::exchange(input_ended_, true) && streams_.terminal) {
        constexpr char kEndOfInput = 4; // VEOF, as a terminal is set up
        input_ += kEndOfInput;
    }
    write_input();
}

void CommandProcess::write_input() {
    if (!to_command_) {
        return;
    }
    const bool was_full = full();
    std::size_t done = 0;
    while (done < input_.size()) {
        const auto size = ::write(to_command_.get(), input_.data() + done, input_.size() - done);
        if (size < 0 && errno == EAGAIN) {
            break;
        }
        if (size < 0 && errno != EINTR) {
            forget_input();
            done = 0;
            break;
        }
        done += static_cast<std::size_t>(size > 0 ? size : 0);
    }
    input_.erase(0, done);
    if (to_command_) {
        loop_.modify(to_command_.get(), input_.empty() ? 0U : std::uint32_t{EPOLLOUT});
    }
    if (input_.empty() && input_ended_ && !streams_.terminal) {
        close_input();
    }
    if (was_full && !full()) {
        handlers_.input_taken();
    }
}

/// The command reads no more.
void CommandProcess::forget_input() {
    input_.clear();
    input_ended_ = true;
    close_input();
}

void CommandProcess::close_input() {
    if (to_command_) {
        loop_.remove(to_command_.get());
        to_command_.reset();
    }
}

void CommandProcess::resize(TerminalSize size) {
    if (terminal_ && size.columns != 0) {
        const winsize wanted{size.rows, size.columns, 0, 0};
        (void)::ioctl(terminal_.get(), TIOCSWINSZ, &wanted);
    }
}

void CommandProcess::read_output(bool reads) {
    if (reads_ != reads) {
        reads_ = reads;
        watch_output();
        if (reads_ && reaped_) {
            settle();
        }
    }
}

/// What is not read is not watched at all: the end of a pipe's writer would be told of without end.
void CommandProcess::watch_output() {
    for (auto& source : sources_) {
        if (source.fd && !reads_) {
            loop_.remove(source.fd.get());
        } else if (source.fd && !loop_.watches(source.fd.get())) {
            loop_.add(
                source.fd.get(), EPOLLIN, [this, &source](std::uint32_t) { read_source(source); });
        }
    }
}

void CommandProcess::read_source(Source& source) {
    // What the command has left in its pipe or terminal is less; the rest would be of processes
    // that it has left behind.
    constexpr std::size_t kAfterEndMax = 1U << 20U;
    std::array<char, 32U << 10U> buffer{};
    const auto size = ::read(source.fd.get(), buffer.data(), buffer.size());
    if (size > 0) {
        source.after_end += reaped_ ? static_cast<std::size_t>(size) : 0;
        if (!hung_up_) {
            handlers_.output(source.channel, {buffer.data(), static_cast<std::size_t>(size)});
        }
    }
    // A terminal that nobody has open any more says EIO.
    const bool over = size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
    const bool left = reaped_ && (size < 0 || source.after_end > kAfterEndMax);
    if (over || left) {
        close_source(source);
    }
}

void CommandProcess::close_source(Source& source) {
    if (source.fd) {
        loop_.remove(source.fd.get());
        source.fd.reset();
    }
}

void CommandProcess::reap() {
    if (hung_up_) {
        signal_group(SIGKILL); // before its number is free: what has not listened to the hang-up
    }
    if (::waitpid(pid_, &status_, WNOHANG) != pid_) {
        return;
    }
    record_ = 0;
    reaped_ = true;
    loop_.remove(pidfd_.get());
    close_input();
    settle();
}

/// Reads what the command has left to read, as far as the client takes it.
void CommandProcess::settle() {
    for (auto& source : sources_) {
        while (source.fd && reads_) {
            read_source(source);
        }
    }
    const bool all = std::all_of(
        sources_.begin(), sources_.end(), [](const Source& source) { return !source.fd; });
    if (all && !std::exchange(told_, true)) {
        handlers_.ended(exit_code_of(status_));
    }
}

void CommandProcess::hang_up() {
    if (std::exchange(hung_up_, true)) {
        return;
    }
    read_output(true);
    if (reaped_ || pid_ <= 0) {
        return;
    }
    close_input();
    terminal_.reset();
    for (auto& source : sources_) {
        if (streams_.terminal) {
            close_source(source); // the last descriptor of it: the kernel hangs up
        }
    }
    signal_group(SIGHUP);
    signal_group(SIGCONT);
    kill_timer_ = loop_.after(std::chrono::seconds(1), [this] { signal_group(SIGKILL); });
}

void CommandProcess::signal_group(int number) const {
    (void)::kill(-pid_, number);
}

} // namespace labctl::stream
