#include "labctl/supervisor/recent_lists.h"

#include <cstring>
#include <ctime>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "labctl/compile/network.h"
#include "labctl/supervisor/netns_command.h"
#include "netemu/base/error.h"
#include "netemu/kernel/namespace_scope.h"
#include "netemu/kernel/proc_net.h"

namespace labctl::supervisor {

using netemu::check_syscall;

namespace {

constexpr const char* kTickList = "labctl-ticks";
constexpr const char* kRecentFolder = "xt_recent/";

/// clock_getres(2): the coarse clocks move once in a tick.
std::uint32_t ticks_per_second() {
    constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
    timespec tick{};
    check_syscall("ask how long a tick is", ::clock_getres(CLOCK_MONOTONIC_COARSE, &tick));
    if (tick.tv_sec != 0 || tick.tv_nsec <= 0) {
        throw netemu::Error("the kernel does not say how long its ticks are");
    }
    return static_cast<std::uint32_t>((kNanosPerSecond + tick.tv_nsec / 2) / tick.tv_nsec);
}

/// By the loopback device of the namespace where the thread is.
void send_to_self() {
    const netemu::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    check_syscall("make a socket", fd.get());
    ifreq request{};
    std::memcpy(request.ifr_name, "lo", sizeof "lo");
    request.ifr_flags = IFF_UP;
    check_syscall("set lo up", ::ioctl(fd.get(), SIOCSIFFLAGS, &request));
    const netemu::Endpoint to{netemu::IpAddress::v4(INADDR_LOOPBACK), 9};
    sockaddr_storage address{};
    const auto size = to.to_sockaddr(address);
    const auto* target = reinterpret_cast<const sockaddr*>(&address); // NOLINT
    check_syscall(
        "send a packet to lo", static_cast<int>(::sendto(fd.get(), "", 1, 0, target, size)));
}

} // namespace

std::vector<std::vector<services::RecentClient>>
RecentLists::clients(const std::string& node, const std::vector<std::string>& lists) const {
    std::vector<std::vector<services::RecentClient>> clients(lists.size());
    const int descriptor = kernel_.namespace_fd(compile::node_namespace(node));
    if (descriptor < 0) {
        return clients;
    }
    std::vector<std::string> files;
    files.reserve(lists.size());
    for (const auto& list : lists) {
        files.push_back(kRecentFolder + list);
    }
    const auto texts = netemu::read_proc_net(descriptor, files);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        clients[i] = services::parse_recent_list(texts[i]);
    }
    return clients;
}

services::KernelTicks RecentLists::now() {
    if (now_) {
        return *now_;
    }
    const auto tool = find_program("iptables-restore");
    if (tool.empty()) {
        throw netemu::UnsupportedError(
            "the clients of the proxy mode iptables: iptables-restore is not installed",
            "apt-get install iptables");
    }
    const auto home = netemu::current_namespace();
    netemu::NamespaceScope scope(home.get());
    const auto fresh = scope.create();
    const std::string rule = std::string("-A OUTPUT -m recent --name ") + kTickList + " --set\n";
    // The old kind of iptables has one lock for the whole host.
    const auto loaded =
        run_in_namespaces({{fresh.fd.get(), {tool, "-w", "10"}, "*filter\n" + rule + "COMMIT\n"}});
    if (loaded.front().status != 0) {
        throw netemu::UnsupportedError(
            "the clients of the proxy mode iptables: " + loaded.front().err);
    }
    scope.enter(fresh.fd.get());
    send_to_self();
    const auto list = services::parse_recent_list(
        netemu::read_proc_net(fresh.fd.get(), {kRecentFolder + std::string(kTickList)}).front());
    if (list.empty()) {
        throw netemu::Error("the kernel's match `recent` has not seen a packet");
    }
    now_ = services::KernelTicks{list.front().last_seen, ticks_per_second()};
    return *now_;
}

} // namespace labctl::supervisor
