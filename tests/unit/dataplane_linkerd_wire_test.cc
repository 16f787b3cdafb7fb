#include <functional>
#include <random>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/sidecar_wire.h"
#include "netemu/base/error.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;
using namespace mesh::linkerd;

namespace {

/// Every field has a value of its own.
InboundServer full_server() {
    const auto prefix = [](const char* text) { return netemu::IpPrefix::parse(text).value(); };
    InboundServer server;
    server.server = "shop/http";
    server.policy = DefaultPolicy::Audit;
    server.protocol = ProxyProtocol::Http1;
    server.authorizations = {
        {"authorizationpolicy/shop/a",
         Authorization::Client::Identities,
         {"a.b", "*"},
         {{prefix("10.0.0.0/8"), {prefix("10.1.0.0/16"), prefix("10.2.3.4/32")}},
          {prefix("fd00::/8"), {}}},
         false},
        {"default/audit", Authorization::Client::Tls, {}, {}, true}};
    RouteMatch match{{PathMatch::Kind::Exact, "/a"}, "GET", {{"h", "1"}}, {{"q", "2"}, {"r", ""}}};
    server.routes = {
        {{{"a.lab", "*.lab"}, {{{match, {}}}, {}}, "2026-01-01T00:00:00Z", "shop/r"},
         {{"serverauthorization/shop/s", Authorization::Client::Anybody, {}, {}, false}}},
        {}};
    server.probe_paths = {"/ready", "/"};
    return server;
}

mesh::SidecarTable linkerd_table() {
    mesh::SidecarTable table;
    table.mesh = mesh::SidecarMesh::Linkerd;
    table.servers = {full_server(), {}};
    mesh::SidecarWorkload workload;
    workload.account = "shop/web";
    workload.servers = {{{8080, 1}, {65535, 0}}, 1};
    table.workloads = {{"shop/web-1", workload}};
    table.services.emplace_back().endpoints = {
        {netemu::Endpoint::parse("10.1.0.5:80").value(), "shop/web-1", true, "web.shop"}};
    table.peers = {
        {netemu::IpAddress::parse("10.1.0.5").value(),
         {"shop/web-1", "web.shop", {{1, 2}, {9, 9}}}},
        {netemu::IpAddress::parse("fd00::5").value(), {"", "", {}}}};
    return table;
}

} // namespace

BOOST_AUTO_TEST_CASE(tables_of_linkerd_arrive_as_they_were_sent) {
    const auto table = linkerd_table();
    BOOST_TEST((decode_sidecar_table(encode_sidecar_table(table)) == table));
}

BOOST_AUTO_TEST_CASE(tables_of_linkerd_that_are_cut_are_refused) {
    const auto bytes = encode_sidecar_table(linkerd_table());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        BOOST_REQUIRE_THROW(
            (void)decode_sidecar_table(std::string_view(bytes).substr(0, size)), netemu::Error);
    }
}

BOOST_AUTO_TEST_CASE(tables_of_linkerd_with_numbers_that_mean_nothing_are_refused) {
    const auto refused = [](const std::function<void(mesh::SidecarTable&)>& spoil) {
        auto table = linkerd_table();
        spoil(table);
        BOOST_CHECK_THROW((void)decode_sidecar_table(encode_sidecar_table(table)), netemu::Error);
    };
    refused([](auto& table) { table.mesh = static_cast<mesh::SidecarMesh>(2); });
    refused([](auto& table) { table.mesh = mesh::SidecarMesh::Istio; }); // its pods are Linkerd's
    refused([](auto& table) { table.workloads["shop/web-1"].servers.reset(); });
    refused([](auto& table) { table.workloads["shop/web-1"].servers->others = 2; });
    refused([](auto& table) { table.workloads["shop/web-1"].servers->ports[80] = 7; });
    refused([](auto& table) { table.servers[0].policy = static_cast<DefaultPolicy>(6); });
    refused([](auto& table) { table.servers[1].protocol = static_cast<ProxyProtocol>(6); });
    refused([](auto& table) {
        table.servers[0].authorizations[0].client = static_cast<Authorization::Client>(3);
    });
    refused([](auto& table) {
        table.servers[0].routes[0].table.rules[0].matches[0].path.kind =
            static_cast<PathMatch::Kind>(2);
    });
}

BOOST_AUTO_TEST_CASE(tables_of_linkerd_that_are_changed_at_random) {
    const auto bytes = encode_sidecar_table(linkerd_table());
    std::mt19937 random(12); // NOLINT: always the same
    for (int round = 0; round < 20000; ++round) {
        auto changed = bytes;
        for (auto count = random() % 4 + 1; count > 0; --count) {
            changed[random() % changed.size()] = static_cast<char>(random());
        }
        try {
            const auto table = decode_sidecar_table(changed);
            for (const auto& [name, workload] : table.workloads) {
                if (workload.servers) {
                    (void)mesh::inbound_server(table, workload, 8080);
                }
            }
        } catch (const netemu::Error&) {
        }
    }
}
// NOLINTEND
