/// The kernel room alone, on the network that labctl compiles for NODES nodes and PODS pods: one
/// JSON line with the time of planning, applying, reading back, opening a socket per pod, and of
/// the end. The floor program makes about the same objects. Usage: bench_kernel [NODES [PODS]]
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "labctl/compile/network.h"
#include "netemu/base/error.h"
#include "netemu/base/process.h"
#include "netemu/kernel/kernel.h"
#include "netemu/kernel/teardown.h"
#include "tests/support/cluster.h"

namespace {

using netemu::Clock;

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

netemu::DesiredState compile(std::size_t nodes, std::size_t pods) {
    labctl::test::Cluster cluster(nodes);
    for (std::size_t pod = 0; pod < pods; ++pod) {
        const auto offset = static_cast<unsigned>(pod / nodes + 2);
        cluster.add_pod(pod % nodes + 1, "bench", "pod-" + std::to_string(pod), offset);
    }
    return labctl::compile::compile_network(cluster.store, cluster.config);
}

double open_sockets(netemu::Kernel& kernel, const netemu::DesiredState& desired) {
    std::vector<netemu::UniqueFd> sockets;
    sockets.reserve(desired.namespaces.size());
    const auto start = Clock::now();
    for (const auto& [name, spec] : desired.namespaces) {
        sockets.push_back(kernel.open_socket(name, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    }
    return ms_since(start);
}

void measure(std::size_t nodes, std::size_t pods) {
    const auto desired = compile(nodes, pods);
    auto kernel = netemu::make_linux_kernel();
    auto start = Clock::now();
    const auto plan = netemu::make_plan(desired, {});
    const double plan_ms = ms_since(start);
    start = Clock::now();
    kernel->apply(plan);
    const double apply_ms = ms_since(start);
    start = Clock::now();
    const auto observed = kernel->observe();
    const double observe_ms = ms_since(start);
    const auto rest = netemu::make_plan(desired, observed).operations.size();
    const double sockets_ms = open_sockets(*kernel, desired);
    start = Clock::now();
    kernel.reset();
    const bool gone = netemu::wait_for_dead_namespaces(Clock::now() + std::chrono::minutes(2));
    const double down_ms = ms_since(start);
    (void)std::printf(
        "{\"program\": \"kernel\", \"nodes\": %zu, \"pods\": %zu, \"operations\": %zu, "
        "\"plan_ms\": %.1f, \"up_ms\": %.1f, \"observe_ms\": %.1f, \"sockets_ms\": %.1f, "
        "\"down_ms\": %.1f, \"gone\": %s, \"second_plan\": %zu}\n",
        nodes,
        pods,
        plan.operations.size(),
        plan_ms,
        apply_ms,
        observe_ms,
        sockets_ms,
        down_ms,
        gone ? "true" : "false",
        rest);
}

} // namespace

int main(int argc, char** argv) {
    try {
        (void)netemu::raise_open_files_limit(65536);
        const int user = ::geteuid() == 0 ? 0 : CLONE_NEWUSER;
        netemu::check_syscall("leave the host's network", ::unshare(user | CLONE_NEWNET));
        measure(
            argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 20,
            argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1000);
        return 0;
    } catch (const std::exception& error) {
        (void)std::fprintf(stderr, "bench_kernel: %s\n", error.what());
        return 5;
    }
}
