#include "tests/netns/dataplane_net.h"

#include <array>
#include <cstdio>
#include <stdexcept>

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netemu/base/address.h"
#include "netemu/base/error.h"

namespace test {
namespace {

using netemu::check_syscall;
using netemu::UniqueFd;

UniqueFd own_namespace() {
    return UniqueFd(
        check_syscall("open namespace", ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)));
}

void enter(const UniqueFd& ns) {
    check_syscall("enter namespace", ::setns(ns.get(), CLONE_NEWNET));
}

} // namespace

DataPlaneNet::DataPlaneNet() {
    check_syscall("make a namespace", ::unshare(CLONE_NEWNET));
    hub_ = own_namespace();
    must(
        "",
        "ip link add br0 type bridge forward_delay 0 mcast_snooping 0 && ip addr add 10.1.0.1/16 "
        "dev br0 && "
        "ip addr add fd00::1/64 dev br0 nodad && ip link set br0 up && ip link set lo up");
}

void DataPlaneNet::add(const std::string& ns, const std::vector<std::string>& addresses) {
    check_syscall("make a namespace", ::unshare(CLONE_NEWNET));
    auto made = own_namespace();
    enter(hub_);
    const auto path = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(made.get());
    const auto port = "v" + std::to_string(namespaces_.size());
    const auto mac =
        netemu::MacAddress::for_ip(netemu::IpPrefix::parse(addresses.at(0)).value().address);
    namespaces_.emplace(ns, std::move(made));
    must(
        "",
        "ip link add " + port + " type veth peer name eth0 address " + mac.to_string() + " netns " +
            path + " && ip link set " + port + " master br0 up");
    std::string commands = "ip link set lo up && ip link set eth0 up";
    for (const auto& address : addresses) {
        const bool v6 = address.find(':') != std::string::npos;
        commands += " && ip addr add " + address + " dev eth0" + (v6 ? " nodad" : "");
    }
    must(ns, commands + " && ip route add default via 10.1.0.1");
}

UniqueFd
DataPlaneNet::open_socket(const std::string& ns, int domain, int type, int protocol) const {
    const auto found = namespaces_.find(ns);
    if (found == namespaces_.end()) {
        throw netemu::Error("no namespace " + ns);
    }
    enter(found->second);
    const int fd = ::socket(domain, type | SOCK_CLOEXEC, protocol);
    const int error = errno;
    enter(hub_);
    if (fd < 0) {
        throw netemu::SysError("make a socket in " + ns, error);
    }
    return UniqueFd(fd);
}

Command DataPlaneNet::run(const std::string& ns, const std::string& command) const {
    if (!ns.empty()) {
        enter(namespaces_.at(ns));
    }
    Command result;
    FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "re");
    std::array<char, 4096> buffer{};
    for (std::size_t size = 0; (size = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
        result.output.append(buffer.data(), size);
    }
    const int status = ::pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    enter(hub_);
    return result;
}

std::string DataPlaneNet::must(const std::string& ns, const std::string& command) const {
    auto result = run(ns, command);
    if (result.status != 0) {
        throw std::runtime_error(command + ": " + result.output);
    }
    return result.output;
}

labctl::dataplane::SocketFactory DataPlaneNet::factory() const {
    return [this](const std::string& ns, int domain, int type, int protocol) {
        return open_socket(ns, domain, type, protocol);
    };
}

bool run_until(netemu::EventLoop& loop, const std::function<bool()>& condition, int seconds) {
    const auto deadline = netemu::Clock::now() + std::chrono::seconds(seconds);
    while (!condition()) {
        if (netemu::Clock::now() > deadline) {
            return false;
        }
        loop.run_once(std::chrono::milliseconds(50));
    }
    return true;
}

labctl::dataplane::DataPlane::Options data_plane_options(const DataPlaneNet& net) {
    labctl::dataplane::DataPlane::Options options;
    options.open_socket = net.factory();
    return options;
}

} // namespace test
