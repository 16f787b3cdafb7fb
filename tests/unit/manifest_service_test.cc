#include <boost/test/unit_test.hpp>

#include "tests/unit/manifest_fixture.h"

using namespace manifest_test;

namespace {

/// The only finding about a Service with these lines, without where it is.
std::string wrong(const std::string& spec) {
    const auto text = message(service(spec));
    const auto colon = text.find(": ");
    return colon == std::string::npos ? text : text.substr(colon + 2);
}

std::string slice(const std::string& lines) {
    return "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: s\n"
           "  labels: {kubernetes.io/service-name: a}\n" +
           lines;
}

std::string wrong_slice(const std::string& lines) {
    const auto text = message(slice(lines));
    const auto colon = text.find(": ");
    return colon == std::string::npos ? text : text.substr(colon + 2);
}

std::string address(const std::string& text, const std::string& type = "IPv4") {
    return wrong_slice(
        "addressType: " + type + "\nendpoints: [{addresses: [\"" + text + "\"]}]\nports: []\n");
}

} // namespace

BOOST_AUTO_TEST_SUITE(service_rules)

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_service) {
    struct Row {
        const char* spec;
        const char* finding;
    };
    const std::string ports = "ports: [{port: 80}]\n";
    for (const auto& row : {
             Row{"externalTrafficPolicy: Local", "may only be set for externally-accessible"},
             Row{"type: NodePort\nclusterIP: None", "may not be set to 'None' for NodePort"},
             Row{"sessionAffinity: ClientIP\n"
                 "sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}",
                 "spec.sessionAffinityConfig.clientIP.timeoutSeconds"},
             Row{"sessionAffinity: ClientIP\n"
                 "sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}",
                 "spec.sessionAffinityConfig.clientIP.timeoutSeconds"},
             Row{"sessionAffinityConfig: {clientIP: {timeoutSeconds: 10}}",
                 "must not be set when session affinity is None"},
             Row{"internalTrafficPolicy: Node", "spec.internalTrafficPolicy: Unsupported value"},
             Row{"trafficDistribution: PreferFar", "spec.trafficDistribution: Unsupported value"},
             Row{"type: LoadBalancer\nloadBalancerSourceRanges: [10.0.0.1]",
                 "spec.loadBalancerSourceRanges[0]"},
             Row{"loadBalancerSourceRanges: [10.0.0.0/8]",
                 "may only be used when `type` is 'LoadBalancer'"},
             Row{"loadBalancerClass: example.com/x",
                 "may only be used when `type` is 'LoadBalancer'"},
             Row{"allocateLoadBalancerNodePorts: false",
                 "may only be used when `type` is 'LoadBalancer'"},
             Row{"type: LoadBalancer\nhealthCheckNodePort: 30500",
                 "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is "
                 "'Local'"},
             Row{"type: LoadBalancer\nexternalTrafficPolicy: Local\nhealthCheckNodePort: 80",
                 "The range of valid ports is 30000-32767"},
             Row{"externalIPs: [127.0.0.1]", "may not be in the loopback range"},
             Row{"externalIPs: [169.254.1.1]", "may not be in the link-local range"},
             Row{"ipFamilies: [IPv4, IPv4]", "spec.ipFamilies[1]: Duplicate value"},
             Row{"ipFamilies: [IPv5]", "spec.ipFamilies[0]: Unsupported value"},
             Row{"ipFamilyPolicy: Dual", "spec.ipFamilyPolicy: Unsupported value"},
             Row{"type: ExternalName\nexternalName: db.example.com\nipFamilyPolicy: SingleStack",
                 "may not be set for ExternalName services"},
             Row{"type: ExternalName\nexternalName: DB_1", "spec.externalName"},
         }) {
        const auto text = wrong(ports + row.spec);
        BOOST_TEST(text.find(row.finding) != std::string::npos, row.spec << ": " << text);
    }
}

BOOST_AUTO_TEST_CASE(what_is_right_with_a_service) {
    const std::string ports = "ports: [{port: 80}]\n";
    for (const auto* spec : {
             "type: LoadBalancer\nloadBalancerSourceRanges: [\" 10.0.0.0/8 \", \"fd00::/8\"]",
             "externalIPs: [192.0.2.1]\nexternalTrafficPolicy: Local",
             "type: LoadBalancer\nexternalTrafficPolicy: Local\nhealthCheckNodePort: 30500",
             "type: LoadBalancer\nloadBalancerClass: example.com/x",
             "trafficDistribution: PreferSameZone",
             "trafficDistribution: PreferClose",
             "trafficDistribution: PreferSameNode",
             "ipFamilies: [IPv6, IPv4]\nipFamilyPolicy: RequireDualStack",
         }) {
        BOOST_TEST(findings(service(ports + spec)).empty(), spec);
    }
}

BOOST_AUTO_TEST_CASE(addresses_of_hand_made_slices) {
    BOOST_TEST(address("127.0.0.1").find("may not be in the loopback range") != std::string::npos);
    BOOST_TEST(
        address("169.254.0.9").find("may not be in the link-local range") != std::string::npos);
    BOOST_TEST(address("224.0.0.1").find("multicast") != std::string::npos);
    BOOST_TEST(address("0.0.0.0").find("may not be unspecified") != std::string::npos);
    BOOST_TEST(address("fe80::1", "IPv6").find("link-local") != std::string::npos);
    BOOST_TEST(address("::1", "IPv6").find("loopback") != std::string::npos);
    BOOST_TEST(address("fd00::1").find("must be an IPv4 address") != std::string::npos);
    BOOST_TEST(address("10.0.0.1", "IPv6").find("must be an IPv6 address") != std::string::npos);
    BOOST_TEST(address("10.0.0.1", "FQDN").find("must be a DNS name") != std::string::npos);
    BOOST_TEST(
        address("10.0.0.1", "Name").find("addressType: Unsupported value") != std::string::npos);
    BOOST_TEST(
        findings(slice("addressType: FQDN\nendpoints: [{addresses: [a.example.com]}]\n")).empty());
    std::string zones = "{name: a}";
    for (int i = 0; i < 8; ++i) {
        zones += ", {name: z" + std::to_string(i) + "}";
    }
    BOOST_TEST(
        wrong_slice(
            "addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], hints: {forZones: [" + zones +
            "]}}]\n")
            .find("Too many: 9") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(hand_made_endpoints) {
    const std::string head = "apiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\nsubsets: ";
    BOOST_TEST(
        message(head + "[{addresses: [{ip: 127.0.0.1}], ports: [{port: 80}]}]\n")
            .find("may not be in the loopback range") != std::string::npos);
    BOOST_TEST(
        message(head + "[{ports: [{port: 80}]}]\n").find("must specify `addresses`") !=
        std::string::npos);
    BOOST_TEST(
        message(
            head + "[{addresses: [{ip: 192.0.2.1}], ports: [{name: a, port: 80}, {port: 81}]}]\n")
            .find("subsets[0].ports[1].name: Required value") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_pool_of_the_load_balancer) {
    BOOST_TEST(findings(lab("loadBalancer: {pool: [172.18.255.0/28]}")).empty());
    BOOST_TEST(finding(lab("loadBalancer: {range: x}")).find("unknown field") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
