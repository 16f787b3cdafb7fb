#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/grpc_answer.h"
#include "labctl/dataplane/grpc_workload.h"
#include "labctl/dataplane/probe_payload.h"
#include "mesh/http/grpc.h"
#include "mesh/http/parser.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::dataplane;

namespace {

const PodIdentity kCart{"shop", "cart", "node-1"};
constexpr const char* kCheck = "/grpc.health.v1.Health/Check";

Exchange cart(bool ready = true) {
    return {kCart, ready, 7070, *netemu::Endpoint::parse("10.244.1.5:41000")};
}

mesh::Request call(const std::string& path, std::string body = mesh::grpc_frame("")) {
    mesh::Request request;
    request.method = "POST";
    request.target = path;
    request.headers = {{"content-type", "application/grpc"}, {"te", "trailers"}};
    request.body = std::move(body);
    return request;
}

/// The status that a client would see: behind the message, or without one in the head.
int status_of(const mesh::Response& response) {
    const auto behind = mesh::read_grpc_end(response.trailers);
    const auto alone = mesh::read_grpc_end(response.headers);
    BOOST_TEST(behind.has_value() != alone.has_value());
    BOOST_TEST(response.body.empty() == alone.has_value());
    BOOST_TEST(response.status == 200);
    BOOST_TEST(response.headers.get("content-type") == "application/grpc");
    BOOST_TEST(response.headers.get("x-backend") == "shop/cart");
    BOOST_TEST(response.headers.get("x-client-ip") == "10.244.1.5");
    return behind ? behind->code : alone->code;
}

int status_of(const mesh::Request& request) {
    return status_of(answer_grpc(cart(), request).response);
}

} // namespace

BOOST_AUTO_TEST_CASE(grpc_health_is_the_pods_readiness) {
    for (const bool ready : {true, false}) {
        const auto response = answer_grpc(cart(ready), call(kCheck)).response;
        BOOST_TEST(status_of(response) == 0);
        BOOST_TEST(response.body == mesh::grpc_frame(ready ? "\x08\x01" : "\x08\x02"));
    }
    BOOST_TEST(
        status_of(call(
            kCheck,
            mesh::grpc_frame("\x0a\x04"
                             "cart"))) == 0);      // a service
    BOOST_TEST(status_of(call(kCheck, "")) == 12); // one message is wanted
    BOOST_TEST(status_of(call(kCheck, mesh::grpc_frame("") + mesh::grpc_frame(""))) == 12);
    BOOST_TEST(status_of(call("/grpc.health.v1.Health/Watch")) == 12);
    BOOST_TEST(status_of(call("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")) == 12);
}

BOOST_AUTO_TEST_CASE(grpc_methods_that_nobody_knows_give_one_empty_message) {
    const auto one = mesh::grpc_frame("a");
    for (const auto& body : {std::string(), one, one + mesh::grpc_frame("")}) {
        const auto response = answer_grpc(cart(), call("/shop.Cart/AddItem", body)).response;
        BOOST_TEST(status_of(response) == 0);
        BOOST_TEST(response.body == mesh::grpc_frame(""));
    }
    for (const std::string path : {"/", "/cart", "//Get", "/cart/", "cart"}) {
        BOOST_TEST(status_of(call(path)) == 12, path);
    }
}

BOOST_AUTO_TEST_CASE(grpc_broken_frames_have_the_status_that_grpc_says) {
    const auto of = [](const std::string& body, const std::string& encoding = "") {
        auto request = call("/shop.Cart/AddItem", body);
        if (!encoding.empty()) {
            request.headers.add("grpc-encoding", encoding);
        }
        return answer_grpc(cart(), request).response;
    };
    BOOST_TEST(status_of(of("x")) == 13);
    BOOST_TEST(status_of(of(std::string("\0\0\0\0\2x", 6))) == 13);
    BOOST_TEST(status_of(of(std::string("\7\0\0\0\1x", 6))) == 13);
    const std::string compressed("\1\0\0\0\1x", 6);
    BOOST_TEST(status_of(of(compressed)) == 13);
    BOOST_TEST(status_of(of(compressed, "identity")) == 13);
    BOOST_TEST(status_of(of(compressed, "gzip")) == 12);
    BOOST_TEST(of(compressed, "gzip").headers.get("grpc-accept-encoding") == "identity");
    BOOST_TEST(status_of(of(mesh::grpc_frame("x"), "gzip")) == 0); // it need not be used
    BOOST_TEST(status_of(refuse_large_call(cart(), call("/a.B/C"))) == 8);
}

BOOST_AUTO_TEST_CASE(grpc_answers_with_the_status_and_delay_that_is_asked_for) {
    BOOST_TEST(status_of(call("/status/PERMISSION_DENIED")) == 7);
    BOOST_TEST(status_of(call("/status/14")) == 14);
    BOOST_TEST(status_of(call("/status/OK")) == 0);
    BOOST_TEST(status_of(call("/status/0")) == 0);
    for (const std::string wrong : {"17", "-1", "ok", "14.0", "NOTHING", "7,x", "7:x"}) {
        BOOST_TEST(status_of(call("/status/" + wrong)) == 3, wrong);
    }
    int counts[17] = {};
    for (int i = 0; i < 1000; ++i) {
        ++counts[status_of(call("/status/UNAVAILABLE:0.3,OK:0.7"))];
    }
    BOOST_TEST(counts[14] > 200);
    BOOST_TEST(counts[14] < 400);
    BOOST_TEST(counts[0] == 1000 - counts[14]);
    const auto late = answer_grpc(cart(), call("/delay/1.5"));
    BOOST_TEST(late.delay.count() == 1500);
    BOOST_TEST(status_of(late.response) == 0);
    BOOST_TEST(status_of(call("/delay/soon")) == 3);
}

BOOST_AUTO_TEST_CASE(grpc_is_a_post_of_its_content_type) {
    auto request = call("/a.B/C");
    BOOST_TEST(is_grpc_call(request));
    request.method = "GET";
    BOOST_TEST(!is_grpc_call(request));
    request = call("/a.B/C");
    request.headers.set("content-type", "application/json");
    BOOST_TEST(!is_grpc_call(request));
    BOOST_TEST(
        grpc_log_text(call("/status/7"), answer_grpc(cart(), call("/status/7")).response) ==
        "gRPC /status/7 PERMISSION_DENIED");
    BOOST_TEST(
        grpc_log_text(call("/a.B/C"), answer_grpc(cart(), call("/a.B/C")).response) ==
        "gRPC /a.B/C OK");
}

BOOST_AUTO_TEST_CASE(grpc_probe_sends_what_a_client_of_grpc_sends) {
    ResolvedRequest wanted;
    wanted.request.to = probe::Target::parse("grpc://cart.shop:7070/shop.Cart/AddItem");
    wanted.request.headers = {{"x-user", "j"}};
    wanted.request.body = "abc";
    wanted.port = 7070;
    mesh::RequestParser parser;
    parser.feed(probe_payload(wanted));
    BOOST_REQUIRE(parser.complete());
    const auto request = parser.take();
    BOOST_TEST(request.method == "POST");
    BOOST_TEST(request.target == "/shop.Cart/AddItem");
    BOOST_TEST(request.headers.get("host") == "cart.shop:7070");
    BOOST_TEST(request.headers.get("content-type") == "application/grpc");
    BOOST_TEST(request.headers.get("te") == "trailers");
    BOOST_TEST(request.headers.get("x-user") == "j");
    BOOST_TEST(!request.headers.has("accept"));
    BOOST_TEST(request.body == mesh::grpc_frame("abc"));
}

BOOST_AUTO_TEST_CASE(grpc_answers_are_read_as_a_client_reads_them) {
    const auto noted = [](const GrpcAnswer& answer, const char* path = "/a.B/C") {
        ProbeOutcome outcome;
        note_grpc_answer(answer, path, outcome);
        BOOST_REQUIRE(outcome.grpc.has_value());
        BOOST_REQUIRE(outcome.http.has_value());
        return outcome;
    };
    GrpcAnswer good;
    good.head.headers = {
        {"content-type", "application/grpc"},
        {"transfer-encoding", "chunked"},
        {"x-backend", "shop/cart"},
        {"x-client-ip", "10.1.1.1"}};
    good.body = mesh::grpc_frame("\x08\x02");
    good.trailers = {{"grpc-status", "0"}, {"x-more", "y"}};
    auto outcome = noted(good);
    BOOST_TEST(outcome.grpc->status == 0);
    BOOST_TEST(outcome.grpc->health == "");
    BOOST_TEST(outcome.http->body == "\x08\x02");
    BOOST_TEST(outcome.http->headers.at("x-more") == "y");
    BOOST_TEST(!outcome.http->headers.contains("transfer-encoding"));
    BOOST_TEST(outcome.backend == "shop/cart");
    BOOST_TEST(outcome.client_ip == "10.1.1.1");
    BOOST_TEST(noted(good, kCheck).grpc->health == "NOT_SERVING");
    auto other = good;
    other.body = mesh::grpc_frame("");
    BOOST_TEST(noted(other, kCheck).grpc->health == "UNKNOWN");
    other.body = mesh::grpc_frame("no health at all");
    BOOST_TEST(noted(other, kCheck).grpc->health == "");
    other.body = mesh::grpc_frame("half").substr(0, 7);
    BOOST_TEST(noted(other).grpc->status == 13);
    other.cut = true; // by us
    BOOST_TEST(noted(other).grpc->status == 0);
    other.trailers = {{"grpc-status", "5"}, {"grpc-message", "no%20cart"}};
    BOOST_TEST(noted(other).grpc->message == "no cart");

    GrpcAnswer alone; // trailers only
    alone.head.headers = {{"content-type", "application/grpc"}, {"grpc-status", "7"}};
    BOOST_TEST(noted(alone).grpc->status == 7);
    alone.head.headers = {{"content-type", "application/grpc"}};
    BOOST_TEST(noted(alone).grpc->status == 13);
    alone.head.headers = {{"content-type", "text/html"}};
    BOOST_TEST(noted(alone).grpc->status == 2);
    alone.head.status = 503;
    BOOST_TEST(noted(alone).grpc->status == 14);
    BOOST_TEST(
        noted(alone).grpc->message == "HTTP status 503 Service Unavailable, and none of gRPC");
    BOOST_TEST(noted(alone).http->status == 503);
}
// NOLINTEND
