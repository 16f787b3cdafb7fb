#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "labctl/stream/command_peer.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::stream {

/// A command of a client's, as a child of this process: its pipes or its terminal, its end. All on
/// the loop's thread; a handler may not destroy it.
class CommandProcess {
public:
    struct Handlers {
        std::function<void(OutputChannel channel, std::string_view bytes)> output;
        std::function<void()> input_taken; // it is full of input no more
        /// The command itself has ended and what it has printed is told. Processes that it has left
        /// behind may live on. `code` as a shell has it.
        std::function<void(int code)> ended;
    };

    /// Input that the command has not read yet: more, and the client has to wait.
    static constexpr std::size_t kInputBytesMax = 1U << 20U;

    /// Opens the terminal, if one is wanted: before the process enters a sandbox, which may have no
    /// /dev/ptmx. `record` is the child's number as long as it is not reaped, otherwise 0. Throws
    /// SysError.
    CommandProcess(netemu::EventLoop& loop, CommandStreams streams, pid_t& record);
    CommandProcess(const CommandProcess&) = delete;
    CommandProcess& operator=(const CommandProcess&) = delete;
    ~CommandProcess();

    /// Starts it as a child, and a session of its own. Throws SysError.
    void start(const std::vector<std::string>& command, Handlers handlers);

    // Before `start`, input is kept.
    void input(std::string_view bytes);
    void end_input();
    [[nodiscard]] bool full() const { return input_.size() > kInputBytesMax; }
    void resize(TerminalSize size);
    /// Whether output is read; the command waits otherwise.
    void read_output(bool reads);
    /// The client is gone: hangs up, and kills the command's process group a second later.
    /// `ended` still comes.
    void hang_up();

private:
    struct Source {
        netemu::UniqueFd fd;
        OutputChannel channel = OutputChannel::Output;
        std::size_t after_end = 0; // bytes read since the command has ended
    };

    void run_child(const std::vector<std::string>& command);
    void watch_output();
    void read_source(Source& source);
    void close_source(Source& source);
    void write_input();
    void forget_input();
    void close_input();
    void reap();
    void settle();
    void signal_group(int number) const;

    netemu::EventLoop& loop_;
    CommandStreams streams_;
    pid_t& record_;
    Handlers handlers_;
    netemu::UniqueFd terminal_; // our end
    netemu::UniqueFd child_in_;
    netemu::UniqueFd child_out_;
    netemu::UniqueFd child_error_;
    netemu::UniqueFd to_command_; // a pipe, or the terminal once more
    std::vector<Source> sources_; // none is added after `start`
    std::string input_;
    bool input_ended_ = false;
    bool started_ = false;
    bool reads_ = true;
    bool hung_up_ = false;
    pid_t pid_ = 0;
    netemu::UniqueFd pidfd_;
    int status_ = -1; // of waitpid(2)
    bool reaped_ = false;
    bool told_ = false;
    netemu::EventLoop::TimerId kill_timer_ = 0;
};

} // namespace labctl::stream
