#include <random>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/sidecar_wire.h"
#include "netemu/base/error.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;
using mesh::SidecarProtocol;
using mesh::istio::MtlsMode;

namespace {

netemu::Endpoint at(const char* address, std::uint16_t port) {
    return {netemu::IpAddress::parse(address).value(), port};
}

/// Every field has a value of its own.
mesh::istio::HttpRoute full_route() {
    using namespace mesh::istio;
    using namespace std::chrono_literals;
    using Kind = StringMatch::Kind;
    HttpRoute route;
    route.name = "canary";
    HttpMatch match;
    match.name = "m";
    match.uri = StringMatch{Kind::Prefix, "/api"};
    match.ignore_uri_case = true;
    match.scheme = StringMatch{Kind::Exact, "http"};
    match.method = StringMatch{Kind::Regex, "", Regex("G.T")};
    match.authority = StringMatch{};
    match.headers = {{"x-a", {Kind::Exact, "1"}}};
    match.without_headers = {{"x-b", {}}};
    match.query = {{"q", {Kind::Prefix, "2"}}};
    match.port = 80;
    match.source_labels = {{"app", "web"}};
    match.source_ns = "shop";
    route.match = {match, {}};
    const HeaderOperations headers{
        {{{"a", "1"}}, {{"b", "2"}}, {"c"}}, {{{"d", "3"}}, {{"e", "4"}}, {"f"}}};
    route.to = {{{"cart.shop", "v1", 80}, 90, headers}, {{"cart.shop", "v2", 0}, 10}};
    route.redirect = Redirect{"/u", "a", "https", 443, 308};
    route.direct = DirectResponse{418, "tea"};
    route.rewrite = Rewrite{"/v", "inside", Regex("/(.*)"), "\\1"};
    route.timeout = 1500ms;
    route.retries = Retries{3, 200ms, "5xx,418", 7ms};
    route.fault = {Delay{70ms, 1}, Abort{503, 14, kEveryRequest}};
    route.mirrors = {{{"shadow", "", 81}, 5}};
    route.headers = headers;
    return route;
}

mesh::SidecarDestinationRule full_rule() {
    using namespace mesh::istio;
    using namespace std::chrono_literals;
    PolicyFields policy;
    policy.balancing = Balancing{Balancer::Hash, {HashKey::Of::Cookie, "c", 60s, "/p"}};
    policy.pool = ConnectionPool{1, 2, 3, 4, 5s};
    policy.outliers = OutlierDetection{1, 2, 3ms, 4ms, 5, 6};
    policy.tls = ClientTls::IstioMutual;
    return {"shop", "cart", {".", "x"}, policy, {{"v1", {1, 0}, policy}, {"v2", {}, {}}}};
}

mesh::SidecarTable full_sidecar_table() {
    mesh::SidecarTable table;
    table.trust_domain = "lab.example";
    table.bundles = {{"lab.example", "pem\n"}, {"", std::string("\0\xff", 2)}};
    table.identities = {{"shop/web", {"chain", "key"}}, {"/", {"", std::string(70000, 'k')}}};
    table.services = {
        {"outbound|80||web",
         "sni",
         SidecarProtocol::Http,
         true,
         {at("10.96.0.1", 80), at("fd00::1", 65535)},
         {{at("10.1.0.5", 8080), "shop/web-1", true}, {at("fd00::5", 1), "", false}},
         {"spiffe://a/b", ""}},
        {"", "", SidecarProtocol::Detect, false, {}, {}, {}},
        {"t", "", SidecarProtocol::Tcp, false, {}, {}, {}}};
    table.virtual_services = {
        {"shop", "cart", {"cart.shop", "*"}, {"*"}, "2026-01-01T00:00:00Z", true, {full_route()}},
        {"x", "y", {}, {}, "", false, {}}};
    table.services[0].virtual_services = {1, 0};
    table.services[0].rules = {full_rule(), {"a", "b"}};
    table.policies = {{}, {}};
    table.policies[0].name = "first";
    table.policies[1].rules.emplace_back();
    mesh::SidecarWorkload workload;
    workload.account = "shop/web";
    workload.ports = {
        {8080, SidecarProtocol::Http, MtlsMode::Strict},
        {9000, SidecarProtocol::Tcp, MtlsMode::Disable}};
    workload.other_ports = MtlsMode::Strict;
    workload.policies = {1, 0};
    workload.labels = {{"app", "web"}};
    workload.authentications = {1, 0};
    table.request_authentications = {{"shop", "a", {{}}}, {"shop", "b", {}}};
    table.pods = {
        {"shop/web-1",
         {"web", "deployment", "a", "v1", "c", "r", {*netemu::IpAddress::parse("fd00::5")}}},
        {"", {}}};
    table.workloads = {{"shop/web-1", workload}, {"", {}}};
    return table;
}

/// Whatever it makes of it: no crash, and no policy that is none.
void decode_whatever(std::string_view bytes) {
    try {
        const auto table = decode_sidecar_table(bytes);
        for (const auto& service : table.services) {
            for (const auto index : service.virtual_services) {
                BOOST_REQUIRE(index < table.virtual_services.size());
            }
            for (const auto& rule : service.rules) {
                for (const auto& subset : rule.subsets) {
                    for (const auto place : subset.endpoints) {
                        BOOST_REQUIRE(place < service.endpoints.size());
                    }
                }
            }
        }
        for (const auto& [name, workload] : table.workloads) {
            for (const auto policy : workload.policies) {
                BOOST_REQUIRE(policy < table.policies.size());
            }
            for (const auto policy : workload.authentications) {
                BOOST_REQUIRE(policy < table.request_authentications.size());
            }
            for (const auto& port : workload.ports) {
                BOOST_REQUIRE((port.mode <= MtlsMode::Strict));
                BOOST_REQUIRE((port.protocol <= SidecarProtocol::Http));
            }
        }
    } catch (const netemu::Error&) {
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(sidecar_tables_arrive_as_they_were_sent) {
    const auto table = full_sidecar_table();
    BOOST_TEST((decode_sidecar_table(encode_sidecar_table(table)) == table));
    BOOST_TEST((decode_sidecar_table(encode_sidecar_table({})) == mesh::SidecarTable{}));
}

BOOST_AUTO_TEST_CASE(sidecar_tables_that_are_cut_or_have_more_behind_are_refused) {
    auto table = full_sidecar_table();
    table.identities.erase("/"); // so that every byte can be tried
    const auto bytes = encode_sidecar_table(table);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        BOOST_REQUIRE_THROW(
            (void)decode_sidecar_table(std::string_view(bytes).substr(0, size)), netemu::Error);
    }
    BOOST_CHECK_THROW((void)decode_sidecar_table(bytes + "x"), netemu::Error);
}

BOOST_AUTO_TEST_CASE(sidecar_tables_with_numbers_that_mean_nothing_are_refused) {
    const auto refused = [](const std::function<void(mesh::SidecarTable&)>& spoil) {
        auto table = full_sidecar_table();
        spoil(table);
        BOOST_CHECK_THROW((void)decode_sidecar_table(encode_sidecar_table(table)), netemu::Error);
    };
    refused([](auto& table) { table.services[0].protocol = static_cast<SidecarProtocol>(3); });
    refused([](auto& table) {
        table.workloads["shop/web-1"].ports[0].protocol = static_cast<SidecarProtocol>(255);
    });
    refused([](auto& table) {
        table.workloads["shop/web-1"].ports[1].mode = static_cast<MtlsMode>(4);
    });
    refused([](auto& table) { table.workloads[""].other_ports = static_cast<MtlsMode>(9); });
    refused([](auto& table) { table.workloads[""].policies = {2}; });
    refused([](auto& table) { table.workloads[""].authentications = {2}; });
}

BOOST_AUTO_TEST_CASE(sidecar_tables_that_are_changed_at_random) {
    auto table = full_sidecar_table();
    table.identities.erase("/");
    const auto bytes = encode_sidecar_table(table);
    std::mt19937 random(11); // NOLINT: always the same
    for (int round = 0; round < 20000; ++round) {
        auto changed = bytes;
        for (auto count = random() % 4 + 1; count > 0; --count) {
            changed[random() % changed.size()] = static_cast<char>(random());
        }
        decode_whatever(changed);
    }
    // A count that there is no memory for is met by the end of the bytes first.
    decode_whatever(std::string(1000, '\xff'));
}
// NOLINTEND
