#include "labctl/dataplane/child.h"

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <functional>
#include <latch>
#include <string_view>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "labctl/dataplane/channel.h"
#include "labctl/dataplane/link_engine.h"
#include "labctl/dataplane/prober.h"
#include "labctl/dataplane/sandbox.h"
#include "labctl/dataplane/tunnel_engine.h"
#include "labctl/dataplane/wire.h"
#include "labctl/dataplane/workload_server.h"
#include "mesh/tls/prepare.h"
#include "netemu/base/log.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr int kExitFailure = 5;
constexpr int kCarryingThreads = 2;

/// Ends the process at once: nothing here needs to be put in order, and the other thread may be at
/// work.
[[noreturn]] void end_process(int status) {
    ::_exit(status);
}

/// Runs one half of the data plane; an exception of it ends the process, for the supervisor to
/// start a new one.
void run_half(const char* name, const std::function<void()>& body) {
    try {
        body();
    } catch (const std::exception& error) {
        netemu::log_error("dataplane", std::string(name) + ": " + error.what());
        end_process(kExitFailure);
    }
}

/// `restrict` forbids most system calls; called when all that needs them exists.
void serve_workloads(const std::function<void()>& restrict) {
    netemu::EventLoop loop;
    Channel* channel = nullptr;
    WorkloadServer server(
        loop, [&channel](std::string message) { channel->send(std::move(message)); });
    Channel supervisor(
        loop,
        netemu::UniqueFd(kWorkloadChannelFd),
        [&server](std::string_view message, std::vector<netemu::UniqueFd>& fds) {
            server.handle(message, fds);
        },
        [] { end_process(EXIT_SUCCESS); });
    channel = &supervisor;
    restrict();
    WireWriter hello;
    hello.op(Op::Hello);
    supervisor.send(hello.bytes());
    loop.run();
}

void send_probes(int channel_fd, std::latch& running) {
    netemu::EventLoop loop;
    Channel* channel = nullptr;
    Prober prober(loop, [&channel](std::string message) { channel->send(std::move(message)); });
    Channel supervisor(
        loop,
        netemu::UniqueFd(channel_fd),
        [&prober](std::string_view message, std::vector<netemu::UniqueFd>& fds) {
            prober.handle(message, fds);
        },
        [] { end_process(EXIT_SUCCESS); });
    channel = &supervisor;
    running.count_down();
    for (;;) {
        loop.run_once(1h);
        prober.end_turn();
    }
}

/// Tunnels or links: an engine, a loop, a channel.
template <typename Engine>
void carry(int channel_fd, std::latch& running) {
    netemu::EventLoop loop;
    Channel* channel = nullptr;
    Engine engine(loop, [&channel](std::string message) { channel->send(std::move(message)); });
    Channel supervisor(
        loop,
        netemu::UniqueFd(channel_fd),
        [&engine](std::string_view message, std::vector<netemu::UniqueFd>& fds) {
            engine.handle(message, fds);
        },
        [] { end_process(EXIT_SUCCESS); });
    channel = &supervisor;
    running.count_down();
    loop.run();
}

} // namespace

int run_data_plane(int verbosity) {
    run_half("start", [verbosity] {
        netemu::set_log_verbosity(verbosity);
        ::tzset();           // reads its file while files can still be opened
        mesh::prepare_tls(); // likewise
        ::prctl(PR_SET_NAME, "labctl-data", 0, 0, 0);
        drop_privileges(kLinkChannelFd + 1);
    });
    std::latch running(kProbeThreads + kCarryingThreads);
    std::vector<std::thread> threads;
    threads.reserve(kProbeThreads + kCarryingThreads);
    for (int i = 0; i < kProbeThreads; ++i) {
        threads.emplace_back([&running, i] {
            run_half("probes", [&running, i] {
                ::pthread_setname_np(::pthread_self(), "labctl-probes");
                send_probes(kProbeChannelFd + i, running);
            });
        });
    }
    threads.emplace_back([&running] {
        run_half("tunnels", [&running] {
            ::pthread_setname_np(::pthread_self(), "labctl-tunnels");
            carry<TunnelEngine>(kTunnelChannelFd, running);
        });
    });
    threads.emplace_back([&running] {
        run_half("links", [&running] {
            ::pthread_setname_np(::pthread_self(), "labctl-links");
            carry<LinkEngine>(kLinkChannelFd, running);
        });
    });
    run_half("workloads", [&running] {
        serve_workloads([&running] {
            running.wait(); // the filter binds all threads, and forbids to start one
            restrict_system_calls();
        });
    });
    end_process(EXIT_SUCCESS);
}

int data_plane_main(int argc, char** argv) {
    return run_data_plane(argc > 2 ? std::atoi(argv[2]) : 0); // NOLINT: our own command line
}

} // namespace labctl::dataplane
