#include <random>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/probe_runner.h"
#include "labctl/dataplane/prober.h"
#include "labctl/dataplane/wire.h"
#include "labctl/dataplane/workload_registry.h"
#include "labctl/dataplane/workload_server.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;

BOOST_AUTO_TEST_CASE(records_are_read_as_they_were_written) {
    WireWriter writer;
    const auto v4 = *netemu::Endpoint::parse("10.1.2.3:80");
    const auto v6 = *netemu::Endpoint::parse("[fd00::5]:65535");
    writer.op(Op::Start).u8(1).u16(2).u32(3).text("four").endpoint(v4).endpoint(v6).text("");
    WireReader reader(writer.bytes());
    BOOST_TEST((reader.op() == Op::Start));
    BOOST_TEST(reader.u8() == 1);
    BOOST_TEST(reader.u16() == 2);
    BOOST_TEST(reader.u32() == 3U);
    BOOST_TEST(reader.text() == "four");
    BOOST_TEST((reader.endpoint() == v4));
    BOOST_TEST((reader.endpoint() == v6));
    BOOST_TEST(reader.text().empty());
    BOOST_TEST(reader.done());
    for (std::size_t size = 0; size < writer.size(); ++size) { // every cut is noticed
        WireReader cut(std::string_view(writer.bytes()).substr(0, size));
        const auto read_all = [&cut] {
            (void)cut.op();
            (void)cut.u8();
            (void)cut.u16();
            (void)cut.u32();
            (void)cut.text();
            (void)cut.endpoint();
            (void)cut.endpoint();
            (void)cut.text();
        };
        BOOST_CHECK_THROW(read_all(), netemu::Error);
    }
}

// The supervisor must survive whatever a child that has been taken over says.
BOOST_AUTO_TEST_CASE(nonsense_from_the_child_is_an_error_and_nothing_else) {
    std::mt19937 random(7);
    netemu::EventLoop loop;
    for (int round = 0; round < 20000; ++round) {
        std::string bytes(random() % 64, '\0');
        for (auto& byte : bytes) {
            byte = static_cast<char>(random() % 4 == 0 ? random() % 256 : random() % 4);
        }
        WorkloadRegistry registry(nullptr, nullptr, nullptr);
        ProbeRunner runner(loop, nullptr, true);
        const auto feed = [&bytes](auto member) {
            try {
                WireReader record(bytes);
                member(record);
            } catch (const netemu::Error&) {
            }
        };
        feed([&](WireReader& record) { registry.serving(record); });
        feed([&](WireReader& record) { registry.logs_arrived(record); });
        BOOST_CHECK_THROW(
            [&] {
                WireReader record(bytes);
                runner.sample(record);
            }(),
            netemu::Error);
        BOOST_CHECK_THROW(
            [&] {
                WireReader record(bytes);
                runner.job_done(record);
            }(),
            netemu::Error);
    }
}
// NOLINTEND
