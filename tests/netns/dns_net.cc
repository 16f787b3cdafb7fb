#include "tests/netns/dns_net.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace test {

using netemu::check_syscall;
using netemu::UniqueFd;

namespace {

dns::ZoneOptions shuffled_options() {
    auto options = zone_options();
    options.dns_service = "kube-system/kube-dns";
    return options;
}

} // namespace

DnsNet::DnsNet(dns::ServerOptions options) : zone(shuffled_options()) {
    check_syscall("make a namespace", ::unshare(CLONE_NEWNET));
    const auto made = netemu::test::run_in(
        -1,
        {"sh",
         "-c",
         "ip link set lo up && ip addr add 10.96.0.10/32 dev lo && ip addr add 10.96.0.11/32 dev "
         "lo "
         "&& ip addr add fd00:96::a/128 dev lo nodad && ip addr add fd00:96::b/128 dev lo nodad && "
         // A worker of the kernel enters IPv6 addresses into the routing table, sooner or later.
         "for i in $(seq 500); do ip -6 route show table local | grep -c 'fd00:96::[ab]' | "
         "grep -qx 2 && exit 0; sleep 0.01; done; exit 1"});
    if (made.status != 0) {
        throw std::runtime_error(made.err);
    }
    fill(zone);
    auto config = dns::parse_corefile(".:53 {\nkubernetes cluster.local in-addr.arpa "
                                      "ip6.arpa\nforward . 192.0.2.1\ncache 30\n}\n")
                      .servers.at(0);
    dns::BlockParts parts;
    parts.zone = &zone;
    parts.upstreams = {upstream};
    resolver.add(std::make_unique<dns::BlockResolver>(config, std::move(parts)));
    server = std::make_unique<dns::Server>(loop, resolver, std::move(options));
    server->add_udp(socket(AF_INET6, SOCK_DGRAM, "[::]:53"));
    server->add_tcp(socket(AF_INET6, SOCK_STREAM, "[::]:53"));
    server->add_udp(socket(AF_INET, SOCK_DGRAM, "0.0.0.0:5353"));
}

UniqueFd DnsNet::socket(int domain, int type, const std::string& address) {
    UniqueFd fd(check_syscall("socket", ::socket(domain, type | SOCK_CLOEXEC, 0)));
    if (!address.empty()) {
        sockaddr_storage storage{};
        const auto size = netemu::Endpoint::parse(address).value().to_sockaddr(storage);
        check_syscall("bind", ::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size));
        if (type == SOCK_STREAM) {
            check_syscall("listen", ::listen(fd.get(), 128));
        }
    }
    return fd;
}

UniqueFd DnsNet::connected(int type, const std::string& address) {
    const auto where = netemu::Endpoint::parse(address).value();
    UniqueFd fd(check_syscall("socket", ::socket(where.address.af(), type | SOCK_CLOEXEC, 0)));
    sockaddr_storage storage{};
    const auto size = where.to_sockaddr(storage);
    check_syscall("connect", ::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), size));
    return fd;
}

bool DnsNet::until(const std::function<bool()>& condition, int seconds) {
    const auto deadline = netemu::Clock::now() + std::chrono::seconds(seconds);
    while (!condition()) {
        if (netemu::Clock::now() > deadline) {
            return false;
        }
        loop.run_once(std::chrono::milliseconds(5));
    }
    return true;
}

netemu::test::Output DnsNet::run(const std::string& shell_command) {
    std::atomic<bool> finished = false;
    netemu::test::Output output;
    std::thread waiter([&]() { // a thread shares its maker's namespaces
        output = netemu::test::run_in(-1, {"timeout", "20", "sh", "-c", shell_command});
        finished = true;
    });
    const bool in_time = until([&finished]() { return finished.load(); }, 30);
    waiter.join();
    if (!in_time) {
        throw std::runtime_error(shell_command + " takes too long");
    }
    return output;
}

std::string DnsNet::lines(const std::string& shell_command) {
    const auto output = run(shell_command);
    if (output.status != 0) {
        throw std::runtime_error(shell_command + ": " + output.out + output.err);
    }
    auto list = netemu::split(output.out, '\n');
    std::sort(list.begin(), list.end());
    std::string sorted;
    for (const auto line : list) {
        sorted += line.empty() ? "" : std::string(line) + "\n";
    }
    return sorted;
}

} // namespace test
