#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/linkerd_answers.h"
#include "labctl/dataplane/sidecar_rules.h"
#include "labctl/dataplane/workload.h"
#include "mesh/spiffe/authority.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;

namespace {

const auto kTarget = netemu::Endpoint::parse("10.1.0.5:8080").value();

mesh::SidecarTable table_with_peer() {
    mesh::SidecarTable table;
    table.mesh = mesh::SidecarMesh::Linkerd;
    table.servers = {{}, {}};
    table.servers[1].protocol = mesh::linkerd::ProxyProtocol::Opaque;
    mesh::SidecarWorkload workload;
    workload.account = "shop/web";
    workload.servers = {{{9000, 1}}, 0};
    table.workloads = {{"shop/web-1", workload}};
    table.peers = {{kTarget.address, {"shop/web-1", "web.shop.x", {{4190, 4191}}}}};
    return table;
}

} // namespace

BOOST_AUTO_TEST_SUITE(linkerd_answers)

// Reference 8.3.
BOOST_AUTO_TEST_CASE(answers_to_requests_without_one) {
    using Cause = UpstreamExchange::Cause;
    struct Row {
        Cause cause;
        int status;
        std::string told;
    };
    for (const auto& row : {
             Row{Cause::Connect, 502, "failed to connect to 10.1.0.5:8080"},
             Row{Cause::ConnectTimeout, 502, "failed to connect to 10.1.0.5:8080"},
             Row{Cause::NoSocket, 502, "failed to connect to 10.1.0.5:8080"},
             Row{Cause::Tls, 502, "failed to connect to 10.1.0.5:8080"},
             Row{Cause::Closed, 502, "connection closed by 10.1.0.5:8080"},
             Row{Cause::NoAnswer, 502, "connection closed by 10.1.0.5:8080"},
             Row{Cause::Silence, 504, "response timeout"},
         }) {
        const auto refusal = linkerd_failure({row.cause, "why"}, kTarget);
        BOOST_TEST(refusal.status == row.status);
        BOOST_TEST(refusal.body == row.told);
        BOOST_TEST(refusal.text.find("10.1.0.5:8080: why") != std::string::npos);
    }
    BOOST_TEST(linkerd_without_endpoints("web:80").status == 504);
    BOOST_TEST(linkerd_without_certificate("web:80").status == 502);
}

BOOST_AUTO_TEST_CASE(answers_have_no_body) {
    const auto meshed =
        linkerd_reply({403, "for the log", true, "unauthorized request on route"}, nullptr);
    BOOST_TEST(meshed.status == 403);
    BOOST_TEST(meshed.body.empty());
    BOOST_TEST(meshed.headers.get("l5d-proxy-error") == "unauthorized request on route");
    BOOST_TEST(!meshed.headers.has("server"));
    const auto stranger = linkerd_reply({403, "for the log"}, nullptr);
    BOOST_TEST(stranger.headers.size() == 0U);
    mesh::Request probe;
    probe.target = std::string(kWhoamiPath);
    BOOST_TEST(linkerd_reply({403, "x"}, &probe).headers.has(kInPlaceField));
    mesh::Request call;
    call.headers.add("content-type", "application/grpc+proto");
    const auto denied = linkerd_reply({403, "x", true, "unauthorized request on route"}, &call);
    BOOST_TEST(denied.status == 200);
    BOOST_TEST(denied.headers.get("grpc-status") == "7");
    BOOST_TEST(denied.headers.get("grpc-message") == "unauthorized request on route");
    BOOST_TEST(linkerd_reply({404, "x"}, &call).headers.get("grpc-status") == "5");
    BOOST_TEST(linkerd_reply({504, "x"}, &call).headers.get("grpc-status") == "4");
    const auto lines = linkerd_reply({502, "x", true, "a\nb"}, &call);
    BOOST_TEST(lines.headers.get("grpc-message") == "a%0Ab");
    BOOST_TEST(!lines.headers.has("l5d-proxy-error"));
    const auto split = linkerd_reply({403, "x", true, "a\r\nset-cookie: b"}, nullptr);
    BOOST_TEST(split.headers.size() == 0U); // what is no value of a field is not told
}

BOOST_AUTO_TEST_CASE(pods_are_known_by_their_addresses) {
    const auto rules = SidecarRules::make(table_with_peer(), nullptr);
    BOOST_TEST(rules->of_linkerd());
    const auto* http = rules->service(kTarget);
    BOOST_REQUIRE(http != nullptr);
    BOOST_TEST(http->name == "10.1.0.5:8080");
    BOOST_TEST((http->protocol == mesh::SidecarProtocol::Detect));
    BOOST_REQUIRE(http->endpoints.size() == 1U);
    BOOST_TEST(http->endpoints[0].mtls);
    BOOST_TEST(http->endpoints[0].server_name == "web.shop.x");
    BOOST_TEST((rules->service({kTarget.address, 9000})->protocol == mesh::SidecarProtocol::Tcp));
    BOOST_TEST(
        !rules->service({kTarget.address, 4191})->endpoints[0].mtls); // it passes the proxy by
    BOOST_TEST(rules->is_endpoint({kTarget.address, 1}));
    const auto elsewhere = netemu::Endpoint::parse("10.1.0.6:8080").value();
    BOOST_TEST(rules->service(elsewhere) == nullptr);
    BOOST_TEST(!rules->is_endpoint(elsewhere));
}

BOOST_AUTO_TEST_CASE(identities_of_linkerd_are_dns_names) {
    const auto now = std::chrono::system_clock::now();
    const auto authority = mesh::Authority::create("cluster.local", std::chrono::hours(24), now);
    const auto made = authority.issue_name("web.shop.x");
    auto table = table_with_peer();
    table.bundles = {{"cluster.local", authority.certificate_pem()}};
    table.identities = {{"shop/web", {made.chain_pem, made.key_pem}}};
    const auto rules = SidecarRules::make(table, nullptr);
    BOOST_TEST(rules->own_id("shop/web") == "web.shop.x");
    BOOST_TEST(rules->own_id("shop/other").empty());
    BOOST_TEST((rules->server_tls("shop/web") != nullptr));
    const auto client = rules->client_tls("shop/web", *rules->service(kTarget));
    BOOST_TEST((client != nullptr));
    // One for all servers, and again after a change of what has nothing to do with it.
    table.servers[0].policy = mesh::linkerd::DefaultPolicy::Deny;
    const auto later = SidecarRules::make(table, rules.get());
    BOOST_TEST((later->client_tls("shop/web", *later->service(kTarget)) == client));
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
