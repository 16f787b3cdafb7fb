/// The DNS room on one socket, for tests/bench/dns_compare: serves a made-up cluster until its
/// standard input ends. Prints one JSON object when it is ready and one at the end.
///
///     dns_bench ADDRESS PORT SERVICES ENDPOINTS    ENDPOINTS of each Service
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "dns/corefile.h"
#include "dns/resolver.h"
#include "dns/server.h"
#include "dns/zone.h"
#include "netemu/base/error.h"

namespace {

using netemu::IpAddress;

/// What kubeadm installs, but for the plugins that are not about answers.
constexpr const char* kCorefile = R"(.:53 {
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    forward . 192.0.2.1
    cache 30
    loadbalance
})";

dns::ServiceValue service(unsigned number, unsigned endpoints) {
    constexpr std::uint32_t kServices = 0x0a600000; // 10.96.0.0
    constexpr std::uint32_t kPods = 0x0af40000;     // 10.244.0.0
    dns::ServiceValue value;
    value.ns = "ns-" + std::to_string(number % 100);
    value.name = "svc-" + std::to_string(number);
    value.cluster_ips = {IpAddress::v4(kServices + number)};
    value.ports = {{"http", 80, dns::Protocol::Tcp}};
    dns::SliceValue slice;
    slice.ports = value.ports;
    for (unsigned i = 0; i < endpoints; ++i) {
        slice.endpoints.push_back({IpAddress::v4(kPods + number * endpoints + i), "", true});
    }
    value.slices.push_back(std::move(slice));
    return value;
}

long resident_kb() {
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line)) {
        if (line.starts_with("VmRSS:")) {
            return std::strtol(line.c_str() + 6, nullptr, 10);
        }
    }
    return 0;
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    constexpr double kMicro = 1e-6;
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           kMicro * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int serve(const netemu::Endpoint& where, unsigned services, unsigned endpoints) {
    const auto start = netemu::Clock::now();
    const auto empty_kb = resident_kb();
    auto config = dns::parse_corefile(kCorefile).servers.at(0);
    dns::ClusterZone zone(dns::zone_options(*config.kubernetes, config.loadbalance));
    for (unsigned i = 0; i < 100; ++i) {
        zone.add_namespace("ns-" + std::to_string(i));
    }
    for (unsigned i = 0; i < services; ++i) {
        zone.set_service(service(i, endpoints));
    }
    const auto built_us = netemu::micros_since(start);
    const auto zone_kb = resident_kb() - empty_kb;
    constexpr unsigned kUpdates = 1000;
    const auto before = netemu::Clock::now();
    for (unsigned i = 0; i < kUpdates; ++i) {
        auto changed = service(i % services, endpoints);
        if (!changed.slices[0].endpoints.empty()) {
            changed.slices[0].endpoints[0].address = IpAddress::v4(0x0b000000 + i);
        }
        zone.set_service(changed);
    }
    const auto update_us = static_cast<double>(netemu::micros_since(before)) / kUpdates;

    dns::BlockParts parts;
    parts.zone = &zone;
    dns::Resolver resolver;
    resolver.add(std::make_unique<dns::BlockResolver>(std::move(config), std::move(parts)));
    netemu::EventLoop loop;
    dns::Server server(loop, resolver);
    sockaddr_storage address{};
    const auto size = where.to_sockaddr(address);
    netemu::UniqueFd socket(netemu::check_syscall(
        "socket", ::socket(where.address.af(), SOCK_DGRAM | SOCK_CLOEXEC, 0)));
    netemu::check_syscall(
        "bind", ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size)); // NOLINT
    server.add_udp(std::move(socket));
    loop.add(0, EPOLLIN, [&loop](std::uint32_t /*events*/) { loop.stop(); });
    std::printf(
        "{\"services\": %u, \"endpoints\": %u, \"build_ms\": %.1f, \"update_us\": %.2f, "
        "\"zone_kb\": %ld, \"rss_kb\": %ld}\n",
        services,
        services * endpoints,
        static_cast<double>(built_us) / 1000,
        update_us,
        zone_kb,
        resident_kb());
    (void)std::fflush(stdout);
    const auto cpu = cpu_seconds();
    loop.run();
    std::printf(
        "{\"queries\": %llu, \"cpu_s\": %.6f, \"rss_kb\": %ld}\n",
        static_cast<unsigned long long>(server.counters().requests()), // NOLINT
        cpu_seconds() - cpu,
        resident_kb());
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    constexpr int kArguments = 5;
    if (argc != kArguments) {
        std::cerr << "usage: dns_bench ADDRESS PORT SERVICES ENDPOINTS\n";
        return 2;
    }
    const auto address = IpAddress::parse(argv[1]);
    if (!address) {
        std::cerr << "not an address: " << argv[1] << "\n";
        return 2;
    }
    const auto number = [argv](int i) {
        return static_cast<unsigned>(std::strtoul(argv[i], nullptr, 10));
    };
    try {
        return serve({*address, static_cast<std::uint16_t>(number(2))}, number(3), number(4));
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
