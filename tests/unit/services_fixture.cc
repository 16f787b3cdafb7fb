#include "tests/unit/services_fixture.h"

#include <fstream>
#include <iterator>

#include <boost/test/unit_test.hpp>

#include "netemu/base/text.h"
#include "services/nftables_mode.h"

namespace services::test {

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}
IpPrefix range(const char* text) {
    return IpPrefix::parse(text).value();
}

EndpointSlice
slice(const std::string& service, const SlicePort& port, std::vector<Endpoint> endpoints) {
    const auto parts = netemu::split(service, '/');
    EndpointSlice made;
    made.name_space = parts.at(0);
    made.service = parts.at(1);
    made.name = made.service + "-1";
    made.family = endpoints.empty() ? Family::V4 : endpoints.front().address.family();
    made.ports = {port};
    made.endpoints = std::move(endpoints);
    return made;
}

Endpoint ready(const char* address, const std::string& node, const std::string& zone) {
    Endpoint endpoint;
    endpoint.address = ip(address);
    endpoint.node = node;
    endpoint.zone = zone;
    endpoint.pod_namespace = "pods";
    endpoint.pod_name = std::string{"pod-"} + address;
    return endpoint;
}

Endpoint terminating(const char* address, const std::string& node) {
    auto endpoint = ready(address, node);
    endpoint.ready = false;
    endpoint.terminating = true;
    return endpoint;
}

Endpoint unready(const char* address, const std::string& node) {
    auto endpoint = ready(address, node);
    endpoint.ready = false;
    endpoint.serving = false;
    return endpoint;
}

Endpoint with_hints(Endpoint endpoint, EndpointHints hints) {
    endpoint.hints = std::move(hints);
    return endpoint;
}

ServicePort p80(std::uint16_t node_port) {
    return {"p80", Protocol::Tcp, 80, node_port, ""};
}

Service service(const std::string& name, const char* cluster_ip, std::uint16_t node_port) {
    const auto parts = netemu::split(name, '/');
    Service made;
    made.name_space = parts.at(0);
    made.name = parts.at(1);
    made.cluster_ips = {ip(cluster_ip)};
    made.ports = {p80(node_port)};
    return made;
}

std::vector<ServicePortInputPtr>
inputs(const Service& service, const std::vector<EndpointSlice>& slices, Family family) {
    std::vector<const EndpointSlice*> pointers;
    pointers.reserve(slices.size());
    for (const auto& one : slices) {
        pointers.push_back(&one);
    }
    return service_port_inputs(service, pointers, family);
}

ServicePortInputPtr
input(const Service& service, const std::vector<EndpointSlice>& slices, Family family) {
    return inputs(service, slices, family).at(0);
}

ProxyNode node(const std::string& name) {
    return {name, "z1", {ip("192.168.0.2"), ip("2001:db8::1")}};
}

ProxyConfig config() {
    return {
        {range("10.0.0.0/8"), range("fd00:10::/64")},
        {range("172.30.0.0/16"), range("fd00:20::/64")},
        false};
}

std::vector<ServicePortInputPtr> overall() {
    const SlicePort port{"p80", Protocol::Tcp, 80, ""};
    auto svc2 = service("ns2/svc2", "172.30.0.42", 3001);
    svc2.external_policy = TrafficPolicy::Local;
    svc2.load_balancer = {{ip("1.2.3.4"), IpMode::Vip}};
    svc2.external_ips = {ip("192.168.99.22")};
    svc2.health_check_node_port = 30000;
    auto svc4 = service("ns4/svc4", "172.30.0.44");
    svc4.external_ips = {ip("192.168.99.33")};
    auto svc5 = service("ns5/svc5", "172.30.0.45", 3002);
    svc5.load_balancer = {{ip("5.6.7.8"), IpMode::Vip}};
    svc5.source_ranges = {range("203.0.113.0/25")};
    svc5.client_ip_affinity = true;
    return {
        input(service("ns1/svc1", "172.30.0.41"), {slice("ns1/svc1", port, {ready("10.180.0.1")})}),
        input(svc2, {slice("ns2/svc2", port, {ready("10.180.0.2")})}),
        input(
            service("ns3/svc3", "172.30.0.43", 3003),
            {slice("ns3/svc3", port, {ready("10.180.0.3")})}),
        input(svc4, {slice("ns4/svc4", port, {ready("10.180.0.4"), ready("10.180.0.5", "n1")})}),
        input(svc5, {slice("ns5/svc5", port, {ready("10.180.0.3")})}),
        input(service("ns6/svc6", "172.30.0.46"), {}),
    };
}

netemu::NftTable nft_table(const std::vector<ServicePortInputPtr>& ports, Family family) {
    auto table = nft_proxy_table(family, node(), config());
    for (const auto& port : ports) {
        table.parts.push_back(netemu::make_nft_part(nft_port_contents(*port, node(), config())));
    }
    return table;
}

void check_flows(const netemu::NftTable& table, const std::vector<Flow>& flows) {
    const std::vector tables{&table};
    const NftTracer tracer{tables, node().addresses};
    for (const auto& flow : flows) {
        TracePacket packet;
        packet.source = ip(flow.source);
        packet.destination = ip(flow.destination);
        packet.destination_port = flow.port;
        packet.protocol = protocol_number(flow.protocol);
        for (const auto& address : node().addresses) {
            packet.from_node = packet.from_node || packet.source == address;
        }
        std::string output;
        double probability = 0;
        for (const auto& outcome : tracer.trace(packet)) {
            output += (output.empty() ? "" : ", ") + outcome.to_string();
            probability += outcome.probability;
            BOOST_TEST(
                outcome.masqueraded == flow.masqueraded,
                flow.name << ": masqueraded is " << outcome.masqueraded);
        }
        BOOST_TEST(output == flow.output, flow.name << ": " << output << " != " << flow.output);
        BOOST_TEST(std::abs(probability - 1) < 1e-9, flow.name << ": " << probability);
    }
}

void check_golden(const std::string& name, const std::string& text) {
    std::ifstream file(std::string(LABCTL_SOURCE_DIR) + "/tests/unit/golden/" + name);
    const std::string golden{std::istreambuf_iterator<char>(file), {}};
    const auto got = std::string(LABCTL_BINARY_DIR) + "/got-" + name;
    std::ofstream(got) << text;
    BOOST_TEST((golden == text), name << " differs; what was got: " << got);
}

} // namespace services::test
