#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <malloc.h>

#include "services/iptables_mode.h"
#include "services/nftables_proxy.h"
#include "services/service_map.h"

/// bench_services [SERVICES] [ENDPOINTS]: time and memory of making all rules of one node, and time
/// of one endpoint more, for each number of Services up to the given one.
using namespace services;

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double megabytes() {
    return static_cast<double>(mallinfo2().uordblks) / 1e6;
}

ProxyConfig bench_config() {
    return {{*IpPrefix::parse("10.244.0.0/16")}, {*IpPrefix::parse("10.96.0.0/12")}, false};
}

ProxyNode bench_node() {
    return {"node-1", "a", {*IpAddress::parse("172.18.0.3")}};
}

Service numbered_service(unsigned number) {
    Service made;
    made.name_space = "team-" + std::to_string(number % 50);
    made.name = "service-" + std::to_string(number);
    made.cluster_ips = {IpAddress::parse("10.96.0.10")->plus(number)};
    made.ports = {{"http", Protocol::Tcp, 80, 0, "http"}};
    return made;
}

EndpointSlice numbered_slice(const Service& of, unsigned number, unsigned endpoints) {
    EndpointSlice slice{of.name_space, of.name + "-x7k2p", of.name, Family::V4, {}, {}};
    slice.ports = {{"http", Protocol::Tcp, 8080, "http"}};
    for (unsigned i = 0; i < endpoints; ++i) {
        Endpoint endpoint;
        endpoint.address = IpAddress::parse("10.0.0.1")->plus(number * 16 + i);
        endpoint.node = "node-" + std::to_string(i % 10);
        endpoint.zone = "a";
        endpoint.pod_namespace = of.name_space;
        endpoint.pod_name = of.name + "-6d4cf56db6-abcd" + std::to_string(i);
        slice.endpoints.push_back(std::move(endpoint));
    }
    return slice;
}

std::vector<ServicePortUpdate> put(ServiceMap& map, unsigned number, unsigned endpoints) {
    const auto made = numbered_service(number);
    const auto slice = numbered_slice(made, number, endpoints);
    const std::vector slices{&slice};
    return map.update(made, slices);
}

/// The median of one endpoint more and one less, in milliseconds.
double one_change(ServiceMap& map, NftProxy& proxy, unsigned services, unsigned endpoints) {
    std::vector<double> times;
    for (unsigned run = 0; run < 51; ++run) {
        const auto number = (run * 7919U) % services;
        const auto start = Clock::now();
        const auto changes = proxy.update(put(map, number, endpoints + 1 - (run / services) % 2));
        times.push_back(milliseconds_since(start));
        if (changes.empty()) {
            std::fprintf(stderr, "nothing changed\n");
            std::exit(1);
        }
        proxy.sweep();
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

void run(NftLayout layout, unsigned services, unsigned endpoints) {
    const auto memory_before = megabytes();
    ServiceMap map{Family::V4};
    NftPartCache cache{bench_config(), layout};
    auto start = Clock::now();
    for (unsigned number = 0; number < services; ++number) {
        put(map, number, endpoints);
    }
    const auto inputs_ms = milliseconds_since(start);
    const auto inputs_mb = megabytes() - memory_before;

    start = Clock::now();
    NftProxy proxy{Family::V4, bench_node(), cache};
    proxy.fill(map.all());
    const auto update_ms = milliseconds_since(start);
    const auto parts_mb = megabytes() - memory_before - inputs_mb;

    start = Clock::now();
    NftProxy second{Family::V4, bench_node(), cache};
    second.fill(map.all());
    const auto second_ms = milliseconds_since(start);
    const auto second_mb = megabytes() - memory_before - inputs_mb - parts_mb;

    const auto change_ms = one_change(map, proxy, services, endpoints);
    std::printf(
        "%-8s %6u x %u: inputs %.0f ms %.0f MB, rules of one node %.0f ms %.0f MB, second node "
        "%.0f ms %.1f MB, one endpoint %.3f ms\n",
        layout == NftLayout::Scale ? "scale" : "readable",
        services,
        endpoints,
        inputs_ms,
        inputs_mb,
        update_ms,
        parts_mb,
        second_ms,
        second_mb,
        change_ms);
}

void run_iptables(unsigned services, unsigned endpoints) {
    ServiceMap map{Family::V4};
    for (unsigned number = 0; number < services; ++number) {
        put(map, number, endpoints);
    }
    const auto start = Clock::now();
    std::vector<IptablesFragment> fragments;
    for (const auto& port : map.all()) {
        fragments.push_back(iptables_fragment(*port.now, bench_node(), bench_config()));
    }
    std::vector<const IptablesFragment*> all;
    all.reserve(fragments.size());
    for (const auto& fragment : fragments) {
        all.push_back(&fragment);
    }
    const auto text = iptables_sync({all, all, {}}, Family::V4);
    std::printf(
        "iptables %6u x %u: full sync %.0f ms, %.0f MB of text\n",
        services,
        endpoints,
        milliseconds_since(start),
        static_cast<double>(text.size()) / 1e6);
}

} // namespace

int main(int count, char** words) {
    const auto services = count > 1 ? static_cast<unsigned>(std::atoi(words[1])) : 10000U;
    const auto endpoints = count > 2 ? static_cast<unsigned>(std::atoi(words[2])) : 10U;
    for (const auto layout : {NftLayout::Readable, NftLayout::Scale}) {
        for (unsigned some = std::max(1U, services / 100); some <= services; some *= 10) {
            run(layout, some, endpoints);
        }
    }
    run_iptables(services, endpoints);
    return 0;
}
