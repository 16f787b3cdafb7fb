#include <map>

#include <boost/test/unit_test.hpp>

#include "dns/cache.h"
#include "dns/counters.h"
#include "dns/rate_limit.h"
#include "dns/rdata.h"
#include "tests/unit/dns_fixture.h"

using namespace dns;
using namespace test;
using namespace std::chrono_literals;

namespace {

Message
response(const char* text, const std::vector<std::string>& records, Rcode rcode = Rcode::NoError) {
    Message message;
    message.flags = flag::kResponse;
    message.rcode = rcode;
    message.question = Question{name(text), 1};
    for (const auto& line : records) {
        const auto record = parse_record(line, Name{}, 60).value();
        (record.is(Type::Soa) ? message.authority : message.answers).push_back(record);
    }
    return message;
}

struct Cached {
    explicit Cached(const CacheConfig& config = {}) : cache(config) {}

    void store(Message message) { cache.store(message, false, false, now); }
    /// The answer, or nothing.
    std::optional<Message>
    ask(const char* text, std::size_t limit = 1232, std::uint16_t udp_size = 1232) {
        const auto bytes = query_bytes(text, "A", udp_size);
        QueryView query;
        BOOST_REQUIRE(parse_query(as_bytes(bytes), query).state == Parsed::Good);
        std::vector<std::uint8_t> out(1500);
        hit = cache.answer(query, now, out, limit);
        return hit.size == 0 ? std::nullopt : decode(Bytes(out).first(hit.size));
    }

    Cache cache;
    Cache::Hit hit;
    Cache::TimePoint now = netemu::Clock::now();
};

constexpr const char* kSoa = "example. 100 SOA ns.example. h.example. 1 2 3 4 20";

} // namespace

BOOST_AUTO_TEST_SUITE(cache)

BOOST_AUTO_TEST_CASE(counts_down_and_ends) {
    Cached cached;
    cached.store(
        response("a.example", {"a.example. 60 CNAME b.example.", "b.example. 60 A 192.0.2.1"}));
    cached.now += 10s;
    const auto message = cached.ask("A.Example");
    BOOST_REQUIRE(message.has_value());
    BOOST_TEST(brief(*message) == "A 192.0.2.1 | CNAME b.Example."); // shares the suffix
    BOOST_TEST(message->answers.at(0).ttl == 50U);
    BOOST_TEST(message->answers.at(0).owner.to_string() == "A.Example.");
    BOOST_TEST(message->has(flag::kAuthoritative)); // as coredns does
    BOOST_TEST(message->edns.has_value());
    BOOST_TEST(!cached.ask("a.example", 1232, 0)->edns);
    BOOST_TEST(cached.cache.lines(cached.now).at(0).left_s == 50);
    cached.now += 50s;
    BOOST_TEST(!cached.ask("a.example"));
    BOOST_TEST(cached.cache.size() == 0U);
}

BOOST_AUTO_TEST_CASE(caps_and_floors) { // section 5.5
    CacheConfig config;
    config.success_ttl_s = config.denial_ttl_s = 30;
    Cached cached(config);
    auto message = response("a.example", {"a.example. 600 A 192.0.2.1"});
    cached.cache.store(message, false, false, cached.now);
    BOOST_TEST(message.answers[0].ttl == 30U); // what goes out first is capped as well
    BOOST_TEST(cached.ask("a.example")->answers.at(0).ttl == 30U);
    cached.store(response("b.example", {"b.example. 0 A 192.0.2.1"}));
    BOOST_TEST(cached.ask("b.example")->answers.at(0).ttl == 5U);
}

BOOST_AUTO_TEST_CASE(negative_answers) {
    Cached cached;
    cached.store(response("gone.example", {kSoa}, Rcode::NxDomain));
    cached.store(response("empty.example", {kSoa}));
    cached.store(response("no-soa.example", {}, Rcode::NxDomain));
    cached.store(response("fail.example", {}, Rcode::ServFail));
    cached.store(response("refused.example", {}, Rcode::Refused));
    BOOST_TEST(brief(*cached.ask("gone.example")) == "NXDOMAIN");
    BOOST_TEST(cached.hit.denial);
    BOOST_TEST(cached.ask("gone.example")->authority.at(0).ttl == 20U);
    BOOST_TEST(brief(*cached.ask("empty.example")) == "NODATA");
    BOOST_TEST(!cached.ask("no-soa.example"));
    BOOST_TEST(!cached.ask("refused.example"));
    BOOST_TEST(brief(*cached.ask("fail.example")) == "SERVFAIL");
    cached.now += 6s;
    BOOST_TEST(!cached.ask("fail.example"));
}

BOOST_AUTO_TEST_CASE(keys) {
    Cached cached;
    auto message = response("a.example", {"a.example. 60 A 192.0.2.1"});
    cached.cache.store(message, true, false, cached.now);
    BOOST_TEST(!cached.ask("a.example")); // without DO
    const Question other{name("a.example"), 28};
    BOOST_TEST(!cached.cache.find(other, true, false, cached.now));
    BOOST_TEST(cached.cache.find(*message.question, true, false, cached.now).has_value());
    BOOST_TEST(!cached.cache.find(*message.question, true, true, cached.now));
}

BOOST_AUTO_TEST_CASE(too_large_for_the_client_is_a_miss) {
    Cached cached;
    std::vector<std::string> records;
    for (int i = 1; i < 60; ++i) {
        records.push_back("a.example. 60 A 192.0.2." + std::to_string(i));
    }
    cached.store(response("a.example", records));
    BOOST_TEST(!cached.ask("a.example", 512));
    BOOST_TEST(cached.ask("a.example", 1232)->answers.size() == 59U);
}

BOOST_AUTO_TEST_CASE(stale_and_prefetch) {
    CacheConfig config;
    config.serve_stale = 3600s;
    config.prefetch = 2;
    Cached cached(config);
    cached.store(response("a.example", {"a.example. 100 A 192.0.2.1"}));
    (void)cached.ask("a.example");
    BOOST_TEST(!cached.hit.refresh);
    cached.now += 95s;
    (void)cached.ask("a.example");
    (void)cached.ask("a.example");
    BOOST_TEST(cached.hit.refresh); // popular, and nearly over
    (void)cached.ask("a.example");
    BOOST_TEST(!cached.hit.refresh); // once is enough
    // The refresh fails: the answer stays, stale with a TTL of 0, and is asked for again.
    cached.store(response("a.example", {}, Rcode::ServFail));
    cached.now += 60s;
    const auto stale = cached.ask("a.example");
    BOOST_REQUIRE(stale.has_value());
    BOOST_TEST(brief(*stale) == "A 192.0.2.1");
    BOOST_TEST(stale->answers.at(0).ttl == 0U);
    BOOST_TEST(cached.hit.refresh);
    cached.now += 3600s;
    BOOST_TEST(!cached.ask("a.example"));
}

BOOST_AUTO_TEST_CASE(is_bounded) {
    CacheConfig config;
    config.success_max = 10;
    Cached cached(config);
    for (int i = 0; i < 100; ++i) {
        const auto text = "n" + std::to_string(i) + ".example";
        cached.store(response(text.c_str(), {text + ". 60 A 192.0.2.1"}));
    }
    BOOST_TEST(cached.cache.size() == 10U);
}

BOOST_AUTO_TEST_CASE(rate_limit) {
    RateLimit limit(10, 2);
    const auto now = netemu::Clock::now();
    std::map<RateLimit::Verdict, int> seen;
    for (int i = 0; i < 30; ++i) {
        ++seen[limit.take(ip("192.0.2.1"), now)];
    }
    BOOST_TEST(seen[RateLimit::Verdict::Answer] == 10);
    BOOST_TEST(seen[RateLimit::Verdict::Slip] == 10);
    BOOST_TEST(seen[RateLimit::Verdict::Drop] == 10);
    // The same /24 shares, another does not; time heals.
    BOOST_TEST((limit.take(ip("192.0.2.99"), now) != RateLimit::Verdict::Answer));
    BOOST_TEST((limit.take(ip("198.51.100.1"), now) == RateLimit::Verdict::Answer));
    BOOST_TEST((limit.take(ip("192.0.2.1"), now + 1s) == RateLimit::Verdict::Answer));
    BOOST_TEST((RateLimit(0, 2).take(ip("192.0.2.1"), now) == RateLimit::Verdict::Answer));
}

BOOST_AUTO_TEST_CASE(metrics_have_coredns_names) {
    Counters counters;
    counters.request(Transport::Udp, false, 1, 40);
    counters.request(Transport::Tcp, true, 28, 450);
    counters.response(Rcode::NxDomain, 100);
    counters.duration(300us, 2);
    counters.cache(true, false);
    const auto text = counters.text("dns://:53");
    for (const auto* line :
         {"coredns_dns_requests_total{server=\"dns://"
          ":53\",zone=\".\",view=\"\",proto=\"udp\",family=\"1\",type=\"A\"} 1\n",
          "proto=\"tcp\",family=\"2\",type=\"AAAA\"} 1\n",
          "coredns_dns_responses_total{server=\"dns://"
          ":53\",zone=\".\",view=\"\",rcode=\"NXDOMAIN\"} 1\n",
          "coredns_dns_request_duration_seconds_bucket{server=\"dns://"
          ":53\",zone=\".\",view=\"\",le=\"0.00025\"} 0\n",
          "coredns_dns_request_duration_seconds_bucket{server=\"dns://"
          ":53\",zone=\".\",view=\"\",le=\"0.0005\"} 2\n",
          "coredns_dns_request_size_bytes_bucket{server=\"dns://"
          ":53\",zone=\".\",view=\"\",le=\"100\"} 1\n",
          "coredns_dns_request_size_bytes_bucket{server=\"dns://"
          ":53\",zone=\".\",view=\"\",le=\"511\"} 2\n",
          "coredns_cache_hits_total{server=\"dns://:53\",type=\"success\"} 1\n"}) {
        BOOST_TEST(text.find(line) != std::string::npos, line << " in\n" << text);
    }
}

BOOST_AUTO_TEST_SUITE_END()
