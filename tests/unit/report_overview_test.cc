#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "labctl/report/overview.h"
#include "labctl/report/probe_table.h"
#include "tests/unit/report_fixture.h"

using namespace labctl::report;
using labctl::api::Json;
using labctl::api::ObjectPtr;
using labctl::probe::Outcome;
using labctl::probe::Request;
using labctl::probe::Result;
using labctl::report::testing::check_golden;
using labctl::report::testing::object;
using labctl::report::testing::objects_from;

namespace {

ObjectPtr node(int number) {
    const auto id = std::to_string(number);
    return object(Json{
        {"kind", "Node"},
        {"metadata", {{"name", "node-" + id}}},
        {"spec", {{"podCIDR", "10.244." + id + ".0/24"}}},
        {"status",
         {{"addresses",
           {{{"type", "InternalIP"}, {"address", "172.18.0." + std::to_string(number + 1)}}}},
          {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}});
}

ObjectPtr
pod(const std::string& name, int node_number, const std::string& ip, const std::string& owner) {
    Json body{
        {"kind", "Pod"},
        {"metadata", {{"name", name}, {"namespace", "default"}}},
        {"spec",
         {{"nodeName", "node-" + std::to_string(node_number)},
          {"containers", {{{"ports", {{{"containerPort", 80}}}}}}}}},
        {"status",
         {{"phase", "Running"},
          {"podIP", ip},
          {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
    if (!owner.empty()) {
        body["metadata"]["ownerReferences"] = {{{"kind", "StatefulSet"}, {"name", owner}}};
    }
    return object(body);
}

std::vector<ObjectPtr> thousand(std::size_t workloads) {
    std::vector<ObjectPtr> objects;
    for (int i = 1; i <= 20; ++i) {
        objects.push_back(node(i));
    }
    for (int i = 0; i < 1000; ++i) {
        const auto ip = "10.244." + std::to_string(i % 20 + 1) + "." + std::to_string(i / 20 + 2);
        const auto owner =
            workloads == 0 ? "" : "w" + std::to_string(static_cast<std::size_t>(i) % workloads);
        objects.push_back(pod("p" + std::to_string(i), i % 20 + 1, ip, owner));
    }
    return objects;
}

std::string overview_of(const std::vector<ObjectPtr>& objects) {
    OverviewInput input;
    input.objects = objects;
    input.external_ip = "172.18.0.1";
    return overview(input);
}

} // namespace

BOOST_AUTO_TEST_SUITE(what_is_up)

BOOST_AUTO_TEST_CASE(a_small_lab) {
    check_golden("overview.txt", overview_of(objects_from("objects")));
}

BOOST_AUTO_TEST_CASE(a_big_lab_fits_on_a_screen) {
    const auto bare = overview_of(thousand(0));
    check_golden("overview-bare.txt", bare);
    const auto many = overview_of(thousand(100));
    check_golden("overview-many.txt", many);
    for (const auto& text : {bare, many}) {
        BOOST_TEST(std::ranges::count(text, '\n') <= 40);
    }
    BOOST_TEST(many.find("... and 81 more workloads with 810 pods") != std::string::npos, many);
}

BOOST_AUTO_TEST_CASE(ingresses_say_which_hosts_lead_in) {
    const auto objects = objects_from("ingresses");
    OverviewInput input;
    input.objects = objects;
    const auto text = overview(input);
    BOOST_TEST(
        text.find("NAMESPACE   INGRESS   CLASS   ADDRESS                      HOSTS\n"
                  "prod        shop      nginx   172.18.255.200, lb.example   shop.example  *\n"
                  "prod        default   -       -                            *\n") !=
            std::string::npos,
        text);
}

BOOST_AUTO_TEST_CASE(an_empty_lab) {
    const auto text = overview_of({node(1)});
    BOOST_TEST(text.find("no pods\n") != std::string::npos, text);
    BOOST_TEST(text.ends_with("1 node, 0 pods\n"), text);
}

BOOST_AUTO_TEST_CASE(probe_results) {
    labctl::probe::RequestList requests;
    std::vector<Result> results;
    const auto add = [&](const std::string& id, const std::string& to, Outcome outcome) -> Result& {
        Request request;
        request.id = id;
        request.from = "default/client";
        request.to = labctl::probe::Target::parse(to);
        requests.probes.push_back(request);
        Result result;
        result.id = id;
        result.first.outcome = outcome;
        result.attempts = 1;
        result.outcomes[labctl::probe::to_string(outcome)] = 1;
        results.insert(results.begin(), result); // the order of results is nobody's business
        return results.front();
    };
    auto& first = add("1", "http://10.244.1.2:8080/x", Outcome::Ok);
    first.rtt_us = 180;
    first.first.backend = "default/frontend-a";
    first.first.client_ip = "10.244.1.9";
    first.first.http = labctl::probe::Http{200, {}, "hi"};
    add("2", "tcp://10.244.1.2:81", Outcome::Refused);
    add("3", "tcp://10.9.9.9:80", Outcome::Timeout).first.error = "no answer within 1.00 s";
    add("4", "sctp://10.244.1.2:80", Outcome::Unsupported).first.error = "SCTP\x1b[2J";
    auto& many = add("5", "tcp://10.244.1.2:80", Outcome::Ok);
    many.attempts = 100;
    many.rtt_us = 1234;
    many.outcomes = {{"ok", 98}, {"timeout", 2}};
    many.backends = {{"default/a", 50}, {"default/b", 48}};
    add("6", "tcp://10.244.1.2:82", Outcome::Ok);
    results.erase(results.begin()); // number 6 never came back
    check_golden("probe.txt", probe_table(requests, results));
    labctl::probe::RequestList secured;
    Result https;
    https.id = "1";
    https.first.outcome = Outcome::Ok;
    https.first.tls = labctl::probe::Tls{
        "TLSv1.3", "web.lab", "CN=web", "CN=lab", {"web.lab"}, "2027-01-31T00:00:00Z"};
    https.first.peer_identity = "spiffe://cluster.local/ns/prod/sa/web";
    secured.probes.resize(1);
    secured.probes[0].id = "1";
    const auto one = probe_table(secured, {https});
    BOOST_TEST(
        one.find("TLSv1.3, certificate CN=web by CN=lab until 2027-01-31T00:00:00Z; "
                 "spiffe://cluster.local/ns/prod/sa/web") != std::string::npos,
        one);
    https.first.tls->subject.clear();
    BOOST_TEST(probe_table(secured, {https}).find("certificate web.lab by") != std::string::npos);
    ProbeTableOptions options;
    options.colour = true;
    const auto text = probe_table(requests, results, options);
    BOOST_TEST(text.find("\x1b[31mrefused\x1b[0m") != std::string::npos);
    BOOST_TEST(text.find("\x1b[33munsupported\x1b[0m") != std::string::npos);
    BOOST_TEST(text.find("\x1b[2J") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
