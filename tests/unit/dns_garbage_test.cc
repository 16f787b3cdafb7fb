/// Hundreds of thousands of broken packets: never a crash, never a wrong answer. What is answered
/// is readable by another's parser too.
#include <chrono>
#include <map>
#include <random>

#include <arpa/nameser.h>

#include <boost/test/unit_test.hpp>

#include "dns/answer.h"
#include "dns/writer.h"
#include "netemu/base/event_loop.h"
#include "tests/unit/dns_fixture.h"

using namespace dns;
using namespace test;

namespace {

constexpr std::size_t kPackets = 300000;
constexpr auto kTimeMax = std::chrono::seconds(8);

bool libresolv_reads(Bytes bytes) {
    ns_msg handle;
    if (ns_initparse(bytes.data(), static_cast<int>(bytes.size()), &handle) != 0) {
        return false;
    }
    for (const auto section : {ns_s_qd, ns_s_an, ns_s_ns, ns_s_ar}) {
        for (int i = 0; i < ns_msg_count(handle, section); ++i) {
            ns_rr record;
            if (ns_parserr(&handle, section, i, &record) != 0) {
                return false;
            }
        }
    }
    return true;
}

class Breaker {
public:
    std::string packet() {
        static const std::vector<std::string> kNames{
            "web.prod.svc.cluster.local",
            "db.prod.svc.cluster.local",
            "_pg._tcp.db.prod.svc.cluster.local",
            "7.1.244.10.in-addr.arpa",
            "10-0-0-1.prod.pod.cluster.local",
            "cluster.local",
            "example.com",
            "out.prod.svc.cluster.local"};
        static const std::vector<std::string> kTypes{
            "A", "AAAA", "SRV", "PTR", "ANY", "TXT", "SOA", "NS"};
        if (below(10) == 0) {
            std::string noise;
            for (auto count = below(80); count > 0; --count) {
                noise += static_cast<char>(random_());
            }
            return noise;
        }
        auto bytes = query_bytes(
            kNames[below(kNames.size())], kTypes[below(kTypes.size())], below(2) == 0 ? 0 : 1232);
        for (auto count = below(5); count > 0 && !bytes.empty(); --count) {
            switch (below(4)) {
            case 0:
                bytes[below(bytes.size())] = static_cast<char>(random_());
                break;
            case 1:
                bytes.resize(below(bytes.size() + 1));
                break;
            case 2:
                bytes.insert(below(bytes.size()), 1, static_cast<char>(random_()));
                break;
            default:
                bytes[below(bytes.size())] ^= static_cast<char>(1U << below(8));
                break;
            }
        }
        return bytes;
    }

private:
    std::size_t below(std::size_t limit) { return random_() % limit; }
    std::mt19937 random_{99};
};

/// The answer as a server would send it; empty if it would send none.
Bytes respond(const ClusterZone& zone, Bytes packet, std::vector<std::uint8_t>& out) {
    QueryView query;
    const auto parsed = parse_query(packet, query);
    if (parsed.state == Parsed::Drop) {
        return {};
    }
    if (parsed.state == Parsed::Bad) {
        return Bytes(out).first(write_error(query, parsed.rcode, out));
    }
    const auto answer = answer_cluster(zone, query, out, query.udp_limit(1232));
    const auto size = answer.state == ClusterAnswer::State::Answered
                          ? answer.size
                          : write_error(query, Rcode::Refused, out);
    return Bytes(out).first(size);
}

} // namespace

BOOST_AUTO_TEST_SUITE(garbage)

BOOST_AUTO_TEST_CASE(broken_packets) {
    ClusterZone zone(zone_options());
    fill(zone);
    Breaker breaker;
    std::vector<std::uint8_t> out(1500);
    std::map<Rcode, std::size_t> seen;
    const auto deadline = netemu::Clock::now() + kTimeMax;
    std::size_t count = 0;
    for (; count < kPackets && netemu::Clock::now() < deadline; ++count) {
        const auto packet = breaker.packet();
        // A copy of the exact size, so that a sanitizer sees a byte too far.
        const std::vector<std::uint8_t> exact(packet.begin(), packet.end());
        const Bytes bytes(exact);
        zone.expect({&bytes, 1}); // looks at the packet before anybody has checked it
        const auto answer = respond(zone, exact, out);
        if (answer.empty()) {
            continue;
        }
        BOOST_REQUIRE(answer.size() <= 1232U);
        const auto message = decode(answer);
        BOOST_REQUIRE(message.has_value());
        BOOST_REQUIRE(libresolv_reads(answer));
        BOOST_REQUIRE(message->has(flag::kResponse));
        BOOST_REQUIRE(message->id == (exact[0] << 8U | exact[1]));
        // A question that comes back is the one that was asked, bit by bit.
        if (message->question) {
            const auto size = message->question->name.wire().size() + 4;
            BOOST_REQUIRE(std::equal(
                answer.begin() + 12,
                answer.begin() + 12 + static_cast<long>(size),
                exact.begin() + 12));
            // What was not called malformed is well-formed to another's eyes as well.
            const bool error = message->rcode == Rcode::FormErr || message->rcode == Rcode::NotImp;
            ns_msg handle;
            const auto size_of = static_cast<int>(exact.size());
            BOOST_REQUIRE((error || ns_initparse(exact.data(), size_of, &handle) == 0));
        }
        ++seen[message->rcode];
    }
    BOOST_TEST_MESSAGE(count << " packets");
    BOOST_TEST(count > 10000U);
    for (const auto rcode :
         {Rcode::NoError, Rcode::FormErr, Rcode::NxDomain, Rcode::NotImp, Rcode::Refused}) {
        BOOST_TEST(seen[rcode] > 0U, rcode_text(rcode));
    }
}

BOOST_AUTO_TEST_SUITE_END()
