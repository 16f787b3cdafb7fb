#include <boost/test/unit_test.hpp>

#include "labctl/report/dns_text.h"

using labctl::api::Json;
using labctl::report::dns_event_line;
using labctl::report::dns_explain_text;

namespace {

Json dns_explanation() {
    return Json::parse(R"({
      "from": {"name": "default/client", "address": "10.244.1.5", "node": "node-1",
               "resolvConf": {"nameservers": ["10.96.0.10"], "searches": ["svc.cluster.local"], "ndots": 5}},
      "to": {"name": "web", "types": ["A", "AAAA"]},
      "queries": [
        {"type": "A", "name": "web.svc.cluster.local.", "rcode": "NXDOMAIN", "rttMicros": 240, "answers": [],
         "transport": "udp", "answeredBy": "kube-system/coredns-1", "plugin": "kubernetes", "why": "no namespace 'web'"},
        {"type": "A", "name": "web.", "rcode": "NOERROR", "rttMicros": 1500, "transport": "tcp",
         "answers": [{"data": "192.0.2.1"}, {"data": "192.0.2.2"}, {"data": "192.0.2.3"}, {"data": "192.0.2.4"},
                     {"data": "192.0.2.5"}],
         "answeredBy": "kube-system/coredns-1", "plugin": "forward", "upstream": "172.18.0.1:53"},
        {"type": "AAAA", "name": "web.", "rcode": "NOERROR", "rttMicros": 1, "answers": [], "transport": "udp"}],
      "outcome": "found", "summary": "3 queries for 2 names: found web.", "hint": "add a dot"})");
}

} // namespace

BOOST_AUTO_TEST_SUITE(report_dns)

BOOST_AUTO_TEST_CASE(every_query_has_a_line) {
    const auto text = dns_explain_text(dns_explanation());
    for (const auto* part : {
             "from  default/client  10.244.1.5 on node-1\n",
             "asks  10.96.0.10 for A and AAAA of web\n",
             "search svc.cluster.local, ndots 5\n",
             "1   A       web.svc.cluster.local.   NXDOMAIN",
             "coredns-1   kubernetes              no namespace 'web'\n",
             "A/tcp",
             "NOERROR 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4 and 1 more",
             "forward 172.18.0.1:53",
             "NOERROR, no data",
             "nobody",
             "\n3 queries for 2 names: found web.\nhint: add a dot\n",
         }) {
        BOOST_TEST(text.find(part) != std::string::npos, part << " in\n" << text);
    }
}

BOOST_AUTO_TEST_CASE(a_query_as_it_happens) {
    auto event =
        Json::parse(R"({"time": "2026-01-02T03:04:05.678Z", "source": "default/client", "type": "A",
        "name": "web.", "transport": "tcp", "rcode": "SERVFAIL", "plugin": "forward", "upstream": "172.18.0.1:53",
        "server": "kube-system/coredns-1", "micros": 2300})");
    BOOST_TEST(
        dns_event_line(event) ==
        "03:04:05.678  default/client  A/tcp  web.  SERVFAIL  forward 172.18.0.1:53  "
        "kube-system/coredns-1  2.3 ms\n");
    event["missed"] = 7;
    event["name"] = "a\x1b[2J.";
    const auto text = dns_event_line(event);
    BOOST_TEST(text.starts_with("... 7 queries were too many to show\n"));
    BOOST_TEST(text.find('\x1b') == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
