/// Queries as they come, good and bad: the rows of section 6.3.
#include <boost/test/unit_test.hpp>

#include "dns/resolver.h"
#include "dns/writer.h"
#include "tests/unit/dns_fixture.h"

using namespace dns;
using namespace test;

namespace {

constexpr std::size_t kOptAt = 12 + 15; // behind the question "a.example A"

/// What a server says to these bytes: "drop", or rcode and the sections' sizes.
std::string verdict(const std::string& bytes) {
    QueryView query;
    const auto parsed = parse_query(as_bytes(bytes), query);
    if (parsed.state == Parsed::Drop) {
        return "drop";
    }
    if (parsed.state == Parsed::Good) {
        return "good";
    }
    std::vector<std::uint8_t> out(1500);
    const auto size = write_error(query, parsed.rcode, out);
    const auto message = decode(Bytes(out).first(size));
    if (!message) {
        return "unreadable";
    }
    return rcode_text(message->rcode) + (message->question ? " question" : "") +
           (message->edns ? " opt" : "");
}

std::string with(std::string bytes, std::size_t at, char value) {
    bytes.at(at) = value;
    return bytes;
}

} // namespace

BOOST_AUTO_TEST_SUITE(query)

BOOST_AUTO_TEST_CASE(verdicts) {
    const auto good = query_bytes("a.example", "A");
    const auto edns = query_bytes("a.example", "A", 1232);
    const auto opt = edns.substr(kOptAt);
    BOOST_TEST(verdict(good) == "good");
    BOOST_TEST(verdict(edns) == "good");
    BOOST_TEST(verdict("") == "drop");
    BOOST_TEST(verdict(good.substr(0, 11)) == "drop");
    BOOST_TEST(verdict(with(good, 2, '\x81')) == "drop");   // a response
    BOOST_TEST(verdict(with(good, 2, '\x11')) == "NOTIMP"); // opcode 2
    BOOST_TEST(verdict(with(good, 2, '\x21')) == "NOTIMP"); // notify
    BOOST_TEST(verdict(with(good, 5, '\0')) == "FORMERR");  // no question
    BOOST_TEST(verdict(with(good, 5, '\2')) == "FORMERR");  // two questions
    BOOST_TEST(verdict(good.substr(0, 20)) == "FORMERR");   // half a name
    BOOST_TEST(verdict(good.substr(0, good.size() - 1)) == "FORMERR");
    BOOST_TEST(verdict(with(good, 12, '\xc0')) == "FORMERR");        // a pointer as question
    BOOST_TEST(verdict(with(good, 12, '\x41')) == "FORMERR");        // reserved label type
    BOOST_TEST(verdict(good + "x") == "FORMERR question");           // bytes behind the end
    BOOST_TEST(verdict(with(good, 11, '\1')) == "FORMERR question"); // a record that is not there
    BOOST_TEST(verdict(with(edns + opt, 11, '\2')) == "FORMERR question");          // two OPT
    BOOST_TEST(verdict(with(with(edns, 11, '\0'), 7, '\1')) == "FORMERR question"); // OPT as answer
    BOOST_TEST(verdict(with(edns, kOptAt + 6, '\1')) == "BADVERS question opt");
    BOOST_TEST(
        verdict(with(edns, kOptAt + 10, '\1') + "x") == "FORMERR question"); // half an option
    // An unknown option is ignored.
    BOOST_TEST(verdict(with(edns, kOptAt + 10, '\4') + std::string("\xff\xff\0\0", 4)) == "good");
}

BOOST_AUTO_TEST_CASE(sizes) { // RFC 6891 section 6.2.5
    const auto limit = [](std::uint16_t udp_size) {
        const auto bytes = query_bytes("a.example", "A", udp_size);
        QueryView query;
        (void)parse_query(as_bytes(bytes), query);
        return query.udp_limit(1232);
    };
    BOOST_TEST(limit(0) == 512U);
    BOOST_TEST(limit(100) == 512U);
    BOOST_TEST(limit(700) == 700U);
    BOOST_TEST(limit(4096) == 1232U);
}

BOOST_AUTO_TEST_CASE(what_is_echoed) {
    auto message = make_query(name("a.EXAMPLE"), 1);
    message.id = 0xbeef;
    message.flags = flag::kRecursionDesired | flag::kCheckingDisabled | flag::kAuthenticData |
                    flag::kRecursionAvailable | 0x40; // Z
    message.edns = Edns{4096, 0, true};
    const auto bytes = encode(message);
    QueryView query;
    BOOST_REQUIRE(parse_query(as_bytes(bytes), query).state == Parsed::Good);
    std::vector<std::uint8_t> out(512);
    const auto size = write_error(query, Rcode::NxDomain, out);
    const auto answer = decode(Bytes(out).first(size)).value();
    BOOST_TEST(answer.id == 0xbeef);
    BOOST_TEST(
        answer.flags == (flag::kResponse | flag::kRecursionDesired | flag::kCheckingDisabled));
    BOOST_TEST(answer.question->name.to_string() == "a.EXAMPLE.");
    BOOST_TEST(answer.edns->dnssec_ok);
    BOOST_TEST(answer.edns->udp_size == 1232U);
    // No OPT in the query, none in the answer.
    const auto plain = query_bytes("a.example", "A");
    BOOST_REQUIRE(parse_query(as_bytes(plain), query).state == Parsed::Good);
    const auto second = write_error(query, Rcode::NoError, out);
    BOOST_TEST(!decode(Bytes(out).first(second))->edns);
}

BOOST_AUTO_TEST_CASE(classes_and_zones_that_are_not_served_are_refused) {
    Resolver resolver;
    ServerBlock config;
    config.zones = {name("cluster.local")};
    ClusterZone zone(zone_options());
    fill(zone);
    BlockParts parts;
    parts.zone = &zone;
    resolver.add(std::make_unique<BlockResolver>(config, std::move(parts)));
    const auto ask_for = [&](const char* text, std::uint16_t klass) {
        const auto bytes = query_bytes(text, "A", 0, klass);
        QueryView query;
        (void)parse_query(as_bytes(bytes), query);
        std::vector<std::uint8_t> out(1500);
        NoReplies replies;
        const auto handled = resolver.handle(query, {{}, Transport::Udp, 512}, out, replies);
        BOOST_TEST(!replies.asked);
        return brief(decode(Bytes(out).first(handled.size)).value());
    };
    BOOST_TEST(ask_for("web.prod.svc.cluster.local", 1) == "A 10.96.0.100");
    BOOST_TEST(ask_for("web.prod.svc.cluster.local", 3) == "REFUSED");
    BOOST_TEST(ask_for("web.prod.svc.cluster.local", 255) == "REFUSED");
    BOOST_TEST(ask_for("example.com", 1) == "REFUSED");
}

BOOST_AUTO_TEST_SUITE_END()
