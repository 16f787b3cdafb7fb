#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "labctl/cni/request.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/process.h"
#include "netemu/base/unique_fd.h"

namespace labctl::supervisor {

/// What a plugin's program is started with.
struct CniProcessSpec {
    int netns_fd = -1; // of the node: where it runs. -1: in an empty one, outside of a lab
    std::string program;
    cni::Environment environment; // besides ours
    std::string input;
};

struct CniProcessEnd {
    int status = -1; // exit status; -1: a signal ended it, or we did after the time limit
    std::string out;
    std::string err;
    std::uint64_t micros = 0;
};

/// The message of an error result with its details and code, or what else the program said.
[[nodiscard]] std::string words_of(const CniProcessEnd& end);
/// PATH for a plugin: ours, and where they look for iptables.
[[nodiscard]] std::string cni_program_path();

/// One program of a plugin, from its start to its end. Its destruction ends it.
class CniProcess {
public:
    static constexpr auto kLimit = std::chrono::seconds(60);

    /// Starts it; `done` is called on the loop, and may destroy this. Throws SysError when it
    /// cannot be started.
    CniProcess(
        netemu::EventLoop& loop,
        const CniProcessSpec& spec,
        std::function<void(CniProcessEnd)> done);
    CniProcess(const CniProcess&) = delete;
    CniProcess& operator=(const CniProcess&) = delete;
    ~CniProcess();

private:
    void ended();
    int reap();
    void kill();

    netemu::EventLoop& loop_;
    std::function<void(CniProcessEnd)> done_;
    netemu::Clock::time_point begin_ = netemu::Clock::now();
    netemu::UniqueFd out_;
    netemu::UniqueFd err_;
    netemu::SpawnedProcess process_;
    netemu::EventLoop::TimerId timer_ = 0;
};

} // namespace labctl::supervisor
