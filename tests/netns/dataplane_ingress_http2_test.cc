#include <boost/test/unit_test.hpp>

#include "tests/netns/dataplane_net.h"
#include "tests/netns/ingress_net.h"
#include "tests/support/temporary.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;

namespace {

constexpr std::uint16_t kEndpointPort = 9007;

/// r2 speaks HTTP/2 on 9007, in addition, and is the host "h2".
class H2IngressNet : public IngressNet {
public:
    H2IngressNet() {
        start_server("r2", "h2_server.py", std::to_string(kEndpointPort), kEndpointPort);
        services::IngressBackend backend{
            "x/h2:9007", {endpoint_of("10.1.0.32", kEndpointPort)}, ""};
        backend.http2 = true;
        table.backends.push_back(std::move(backend));
        table.hosts["h2"].paths.push_back({services::IngressPathType::Prefix, "/", 1, "x/h2"});
        change(table);
    }

    std::string ask_tls(const std::string& arguments) {
        return curl("-k --resolve real:443:10.1.0.10 --resolve h2:443:10.1.0.10 " + arguments)
            .output;
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(ingress_speaks_http2_to_clients_that_offer_it, H2IngressNet) {
    const std::string told = "-o /dev/null -w '%{http_version} %{http_code} %{num_connects}\\n' ";
    BOOST_TEST(ask_tls(told + "https://real/a") == "2 200 1\n");
    BOOST_TEST(ask_tls("--http1.1 " + told + "https://real/a") == "1.1 200 1\n");
    BOOST_TEST(ask_tls("--no-alpn " + told + "https://real/a") == "1.1 200 1\n");
    BOOST_TEST(
        ask_tls(
            told + "https://real/a " + told + "https://real/nowhere " + told + "https://h2/b") ==
        "2 200 1\n2 200 0\n2 200 1\n");
    const auto head = ask_tls("-d x=1 https://real/a");
    BOOST_TEST(has(head, "x-forwarded-proto: https"), head);
    BOOST_TEST(has(head, "host: real"), head);
    BOOST_TEST(!has(head, "transfer-encoding"), head);
    // A body of unknown length is one in chunks to an endpoint of HTTP/1.1.
    BOOST_TEST(client("head -c 1000000 /dev/zero | curl -sSk --noproxy '*' --max-time 20 --resolve "
                      "real:443:10.1.0.10 -T - https://real/sum")
                   .output.starts_with("1000000 "));
    BOOST_TEST(
        ask_tls("https://real/nobody -H 'host: other' -o /dev/null -w '%{http_code}'") == "404");
}

BOOST_FIXTURE_TEST_CASE(ingress_speaks_http2_to_endpoints_that_want_it, H2IngressNet) {
    for (const std::string version : {"--http2", "--http1.1"}) {
        const auto head =
            ask_tls(version + " -H 'content-type: application/grpc' -d abc https://h2/x");
        BOOST_TEST(has(head, ":authority: h2\n"), head);
        BOOST_TEST(has(head, ":method: POST\n"), head);
        BOOST_TEST(has(head, "te: trailers\n"), head);
        BOOST_TEST(has(head, "x-forwarded-proto: https\n"), head);
        const auto trailed = ask_tls(version + " -i -d abc https://h2/trailers");
        BOOST_TEST(has(trailed, "grpc-status: 0"), trailed);
        BOOST_TEST(has(trailed, "x-sum: 3"), trailed);
        const netemu::test::TemporaryFile body(std::string(3'000'000, 'a'));
        BOOST_TEST(
            ask_tls(
                version + " --data-binary @" + body.path() + " https://h2/body | cmp - " +
                body.path() + " && echo same") == "same\n");
        BOOST_TEST(
            ask_tls(version + " -o /dev/null -w '%{http_code}' -d x https://h2/reset") == "502");
    }
    BOOST_TEST(
        curl("-H 'host: h2' http://10.1.0.10/x").output.find(":path: /x") != std::string::npos);
}
// NOLINTEND
