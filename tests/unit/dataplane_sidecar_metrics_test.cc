#include <algorithm>
#include <sstream>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/sidecar_metrics.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;
using netemu::Endpoint;
using netemu::IpAddress;

namespace {

Endpoint place(const std::string& address, std::uint16_t port) {
    return {IpAddress::parse(address).value(), port};
}

/// shop/web calls Service cart, whose pod is shop/cart-1; both have a sidecar, legacy/old has none.
mesh::SidecarTable shop_table(mesh::SidecarMesh of = mesh::SidecarMesh::Istio) {
    mesh::SidecarTable table;
    table.mesh = of;
    const bool istio = of == mesh::SidecarMesh::Istio;
    mesh::SidecarService cart;
    cart.name =
        istio ? "outbound|80||cart.shop.svc.cluster.local" : "cart.shop.svc.cluster.local:80";
    cart.addresses = {place("10.96.0.1", 80)};
    cart.endpoints = {
        {place("10.1.0.2", 8080), "shop/cart-1", true, istio ? "" : "cart.shop.id"},
        {place("10.1.0.3", 8080), "legacy/old", false}};
    table.services = {cart};
    table.pods = {
        {"shop/web",
         {"web", "pod", "web", "", "web", "latest", {IpAddress::parse("10.1.0.1").value()}}},
        {"shop/cart-1",
         {"cart",
          "deployment",
          "cart",
          "v1",
          "cart",
          "v1",
          {IpAddress::parse("10.1.0.2").value()}}},
        {"legacy/old", {"old", "pod", "", "", "old", "latest"}}};
    mesh::SidecarWorkload workload;
    workload.account = "shop/default";
    if (!istio) {
        workload.servers = mesh::SidecarServers{};
        table.servers = {{}};
    }
    table.workloads = {{"shop/web", workload}, {"shop/cart-1", workload}};
    return table;
}

struct Counted {
    explicit Counted(const std::string& own, mesh::SidecarMesh of = mesh::SidecarMesh::Istio)
        : rules(SidecarRules::make(shop_table(of), nullptr)) {
        metrics.set_rules(rules, own);
    }
    [[nodiscard]] const mesh::SidecarService& cart() const { return rules->table().services[0]; }
    /// The lines that begin so and hold all of the parts.
    [[nodiscard]] std::vector<std::string>
    lines(const std::string& begin, const std::vector<std::string>& parts = {}) const {
        std::vector<std::string> found;
        std::istringstream text(metrics.text());
        for (std::string line; std::getline(text, line);) {
            if (line.starts_with(begin) && std::all_of(parts.begin(), parts.end(), [&](auto& part) {
                    return line.find(part) != line.npos;
                })) {
                found.push_back(line);
            }
        }
        return found;
    }

    std::shared_ptr<const SidecarRules> rules;
    SidecarMetrics metrics;
};

HttpClient client_at(const std::string& address, const std::string& identity) {
    HttpClient client;
    client.address = place(address, 40000);
    client.target = place("10.1.0.2", 8080);
    if (!identity.empty()) {
        client.tls = true;
        client.identity = identity;
    }
    return client;
}

HttpTally::Done
done(int status, const std::string_view told = {}, const std::string_view flags = {}) {
    HttpTally::Done how;
    how.status = status;
    how.request_bytes = 3;
    how.response_bytes = 300;
    how.first_byte = std::chrono::microseconds(1500);
    how.all = std::chrono::microseconds(7000);
    how.told = told;
    how.flags = flags;
    return how;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sidecar_metrics)

BOOST_AUTO_TEST_CASE(requests_of_a_client) {
    Counted web("shop/web");
    auto* const to_pod = web.metrics.outbound(web.cart(), &web.cart().endpoints[0]);
    BOOST_TEST(to_pod == web.metrics.outbound(web.cart(), &web.cart().endpoints[0]));
    to_pod->count(done(200));
    to_pod->count(done(200));
    to_pod->count(done(503, "UF at 10.1.0.2:8080: refused"));
    to_pod->count(done(503, "UT: no answer", " [DI,URX,try 2]"));
    web.metrics.outbound(web.cart(), nullptr)->count(done(503, "UH: nobody"));
    web.metrics.outbound(web.cart(), &web.cart().endpoints[1])->count(done(404));
    BOOST_TEST(web.lines("# TYPE istio_requests_total counter").size() == 1U);
    const auto good = web.lines("istio_requests_total{", {"response_code=\"200\""});
    BOOST_REQUIRE(good.size() == 1U);
    BOOST_TEST(
        good[0] ==
        "istio_requests_total{reporter=\"source\",source_workload=\"web\","
        "source_canonical_service=\"web\",source_canonical_revision=\"latest\","
        "source_workload_namespace=\"shop\",source_principal=\"unknown\",source_app=\"web\","
        "source_version=\"unknown\",source_cluster=\"Kubernetes\",destination_workload=\"cart\","
        "destination_workload_namespace=\"shop\",destination_principal=\"unknown\","
        "destination_app=\"cart\",destination_version=\"v1\","
        "destination_service=\"cart.shop.svc.cluster.local\","
        "destination_canonical_service=\"cart\",destination_canonical_revision=\"v1\","
        "destination_service_name=\"cart\",destination_service_namespace=\"shop\","
        "destination_cluster=\"Kubernetes\",request_protocol=\"http\","
        "connection_security_policy=\"unknown\",response_code=\"200\",response_flags=\"-\"} 2");
    BOOST_TEST(
        web.lines("istio_requests_total{", {"\"503\"", "response_flags=\"UF\""}).size() == 1U);
    BOOST_TEST(
        web.lines("istio_requests_total{", {"\"503\"", "response_flags=\"DI,URX,UT\""}).size() ==
        1U);
    BOOST_TEST(
        web.lines(
               "istio_requests_total{",
               {"response_flags=\"UH\"", "destination_workload=\"unknown\""})
            .size() == 1U);
    BOOST_TEST(
        web.lines("istio_requests_total{", {"\"404\"", "destination_workload=\"old\""}).size() ==
        1U);
}

BOOST_AUTO_TEST_CASE(histograms) {
    Counted web("shop/web");
    auto* const series = web.metrics.outbound(web.cart(), &web.cart().endpoints[0]);
    series->count(done(200));
    auto late = done(200);
    late.all = std::chrono::hours(2);
    series->count(late);
    const std::string name = "istio_request_duration_milliseconds";
    const auto bucket = [&](const std::string& bound) {
        const auto found = web.lines(name + "_bucket{", {"le=\"" + bound + "\""});
        BOOST_REQUIRE(found.size() == 1U);
        return found[0].substr(found[0].rfind(' ') + 1);
    };
    BOOST_TEST(bucket("5") == "0");
    BOOST_TEST(bucket("10") == "1");
    BOOST_TEST(bucket("3600000") == "1");
    BOOST_TEST(bucket("+Inf") == "2");
    BOOST_TEST(web.lines(name + "_sum{").at(0).ends_with(" 7200007"));
    BOOST_TEST(web.lines(name + "_count{").at(0).ends_with(" 2"));
    BOOST_TEST(web.lines("istio_response_bytes_sum{").at(0).ends_with(" 600"));
    BOOST_TEST(web.lines("istio_request_bytes_sum{").at(0).ends_with(" 6"));
    BOOST_TEST(web.lines("istio_request_bytes_bucket{", {"le=\"5\""}).at(0).ends_with(" 2"));
}

BOOST_AUTO_TEST_CASE(requests_that_come_in) {
    Counted cart("shop/cart-1");
    const std::string id = "spiffe://cluster.local/ns/shop/sa/web";
    cart.metrics.inbound(client_at("10.1.0.1", id))->count(done(200));
    cart.metrics.inbound(client_at("10.1.0.1", ""))->count(done(200)); // its word without a proof
    cart.metrics.inbound(client_at("10.9.9.9", ""))->count(done(403, "denied by a policy"));
    auto grpc = done(200);
    grpc.grpc = true;
    cart.metrics.inbound(client_at("10.1.0.1", id))->count(grpc);
    grpc.grpc_status = 7;
    cart.metrics.inbound(client_at("10.1.0.1", id))->count(grpc);
    BOOST_TEST(
        cart.lines(
                "istio_requests_total{reporter=\"destination\",source_workload=\"web\"",
                {"source_principal=\"" + id + "\"",
                 "destination_service=\"cart.shop.svc.cluster.local\"",
                 "request_protocol=\"http\"",
                 "connection_security_policy=\"mutual_tls\"",
                 "} 1"})
            .size() == 1U);
    const auto calls = cart.lines("istio_requests_total{", {"request_protocol=\"grpc\""});
    BOOST_REQUIRE(calls.size() == 2U);
    BOOST_TEST(calls[0].find("grpc_response_status") == std::string::npos, calls[0]);
    BOOST_TEST(calls[1].find(",grpc_response_status=\"7\",") != std::string::npos, calls[1]);
    BOOST_TEST(
        cart.lines(
                "istio_requests_total{",
                {"source_workload=\"unknown\"",
                 "connection_security_policy=\"none\"",
                 "response_code=\"200\""})
            .size() == 1U);
    BOOST_TEST(
        cart.lines("istio_requests_total{", {"response_code=\"403\"", "response_flags=\"-\""})
            .size() == 1U);
    cart.metrics.inbound(client_at("10.9.9.9", ""))->count(done(499, "the client has gone"));
    BOOST_TEST(
        cart.lines("istio_requests_total{", {"response_code=\"0\"", "response_flags=\"DC\""})
            .size() == 1U);
}

BOOST_AUTO_TEST_CASE(connections) {
    Counted web("shop/web");
    auto* const series = web.metrics.outbound_bytes(web.cart(), place("10.1.0.2", 8080));
    BOOST_TEST(series == web.metrics.outbound_bytes(web.cart(), place("10.1.0.2", 8080)));
    series->opened = 2;
    series->closed = 1;
    series->received = 10;
    series->sent = 20;
    const auto value = [&](const std::string& name) {
        const auto line = web.lines(name + "{", {"request_protocol=\"tcp\""}).at(0);
        return line.substr(line.rfind(' ') + 1);
    };
    BOOST_TEST(value("istio_tcp_connections_opened_total") == "2");
    BOOST_TEST(value("istio_tcp_connections_closed_total") == "1");
    BOOST_TEST(value("istio_tcp_received_bytes_total") == "10");
    BOOST_TEST(value("istio_tcp_sent_bytes_total") == "20");
}

/// What comes from outside cannot make it grow for ever, nor break a line.
BOOST_AUTO_TEST_CASE(hostile) {
    Counted cart("shop/cart-1");
    for (int i = 0; i < 5000; ++i) {
        const auto id = "spiffe://x/" + std::to_string(i);
        auto client = client_at("10.1.0.1", id);
        client.target.port = static_cast<std::uint16_t>(i);
        cart.metrics.inbound(client)->count(done(200));
    }
    const auto lines = cart.lines("istio_requests_total{");
    BOOST_TEST(lines.size() == kMetricSeriesMax + 1);
    std::uint64_t all = 0;
    for (const auto& line : lines) {
        all += std::stoull(line.substr(line.rfind(' ') + 1));
    }
    BOOST_TEST(all == 5000U);
    auto* const one = cart.metrics.inbound(client_at("10.1.0.1", "a\"b\\c\nd"));
    for (int status = 100; status < 600; ++status) {
        one->count(done(status));
    }
    BOOST_TEST(
        cart.lines("istio_requests_total{").size() <= kMetricSeriesMax + 1 + kMetricOutcomesMax);
    Counted other("shop/cart-1");
    other.metrics.inbound(client_at("10.1.0.1", "a\"b\\c\nd"))->count(done(200));
    BOOST_TEST(
        other.lines("istio_requests_total{", {R"(source_principal="a\"b\\c\nd")"}).size() == 1U);
}

/// What knows a pod by its address is the same thing for every pod.
BOOST_AUTO_TEST_CASE(services_that_are_made_for_a_question) {
    Counted web("shop/web", mesh::SidecarMesh::Linkerd);
    mesh::SidecarService asked;
    for (const auto* const address : {"10.1.0.2", "10.1.0.3", "10.1.0.2"}) {
        asked.name = std::string(address) + ":8080";
        asked.endpoints = {{place(address, 8080), "", false}};
        web.metrics.outbound(asked, &asked.endpoints[0])->count(done(200));
    }
    BOOST_TEST(web.lines("request_total{", {"authority=\"10.1.0.2:8080\""}).at(0).ends_with(" 2"));
    BOOST_TEST(web.lines("request_total{", {"authority=\"10.1.0.3:8080\""}).at(0).ends_with(" 1"));
}

BOOST_AUTO_TEST_CASE(of_linkerd) {
    constexpr auto kLinkerd = mesh::SidecarMesh::Linkerd;
    Counted web("shop/web", kLinkerd);
    web.metrics.outbound(web.cart(), &web.cart().endpoints[0])->count(done(200));
    web.metrics.outbound(web.cart(), &web.cart().endpoints[0])->count(done(503));
    const std::string labels =
        "direction=\"outbound\",authority=\"cart.shop.svc.cluster.local:80\",target_addr="
        "\"10.1.0.2:8080\",tls=\"true\",server_id=\"cart.shop.id\",dst_namespace=\"shop\",dst_pod="
        "\"cart-1\",dst_deployment=\"cart\"";
    BOOST_TEST(web.lines("request_total{").at(0) == "request_total{" + labels + "} 2");
    BOOST_TEST(
        web.lines("response_total{", {"\"200\""}).at(0) ==
        "response_total{" + labels + ",status_code=\"200\",classification=\"success\"} 1");
    BOOST_TEST(
        web.lines("response_total{", {"\"503\"", "classification=\"failure\""}).size() == 1U);
    BOOST_TEST(
        web.lines("response_latency_ms_bucket{", {"le=\"1\"", "\"200\""}).at(0).ends_with(" 0"));
    BOOST_TEST(
        web.lines("response_latency_ms_bucket{", {"le=\"2\"", "\"200\""}).at(0).ends_with(" 1"));
    Counted cart("shop/cart-1", kLinkerd);
    auto* const series = cart.metrics.inbound(client_at("10.1.0.1", "web.shop.id"));
    series->count(done(200));
    series->authorize(true, "authorizationpolicy shop/cart");
    series->authorize(true, "authorizationpolicy shop/cart");
    series->authorize(false, "");
    BOOST_TEST(
        cart.lines(
                "request_total{direction=\"inbound\"",
                {"tls=\"true\"", "client_id=\"web.shop.id\"", "srv_kind="})
            .size() == 1U);
    const auto allowed = cart.lines("inbound_http_authz_allow_total{");
    BOOST_REQUIRE(allowed.size() == 1U);
    BOOST_TEST(
        allowed[0].ends_with(",authz_kind=\"authorizationpolicy\",authz_name=\"cart\"} 2"),
        allowed[0]);
    BOOST_TEST(cart.lines("inbound_http_authz_deny_total{").at(0).ends_with("} 1"));
    auto* const bytes = cart.metrics.inbound_bytes(client_at("10.1.0.1", ""));
    bytes->opened = 3;
    bytes->closed = 1;
    BOOST_TEST(cart.lines("tcp_open_connections{", {"peer=\"src\""}).at(0).ends_with("} 2"));
    BOOST_TEST(cart.lines("istio_").empty());
    // Of gRPC, what the trailers say counts: an error of the server, or one of the client.
    for (const auto& [status, classification] :
         {std::pair{0, "success"},
          {5, "success"},
          {7, "success"},
          {13, "failure"},
          {14, "failure"}}) {
        auto call = done(200);
        call.grpc = true;
        call.grpc_status = status;
        series->count(call);
        const auto code = "grpc_status_code=\"" + std::to_string(status) + "\"";
        BOOST_TEST(
            cart.lines(
                    "response_total{",
                    {code, std::string("classification=\"") + classification + "\""})
                .size() == 1U);
    }
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
