#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/kernel/capture_set.h"
#include "netemu/model/pcapng.h"
#include "tests/netns/kernel_fixture.h"
#include "tests/netns/two_nodes.h"
#include "tests/support/temporary.h"

using namespace netemu;
using namespace netemu::test;

namespace {

struct CaptureFixture : KernelFixture {
    CaptureFixture() { kernel->apply(make_plan(two_nodes(), {})); }

    std::size_t listen(const std::string& ns, const std::string& link, TapOptions options = {}) {
        CapturePlace place;
        place.name = ns + ":" + link;
        return taps.add(open_tap(*kernel, ns, link, options), place);
    }

    /// Datagrams from pod a on node-1 to pod b on node-2, or to another address.
    void send(std::size_t count, std::size_t size, const char* to = "10.244.2.2") {
        const UniqueFd socket = kernel->open_socket("pod/x/a", AF_INET, SOCK_DGRAM, 0);
        sockaddr_storage storage{};
        const auto length = Endpoint{ip(to), 9}.to_sockaddr(storage);
        const std::string text(size, 'x');
        for (std::size_t i = 0; i < count; ++i) {
            BOOST_REQUIRE(
                ::sendto(
                    socket.get(),
                    text.data(),
                    text.size(),
                    0,
                    reinterpret_cast<const sockaddr*>(&storage),
                    length) == static_cast<ssize_t>(size));
        }
    }

    /// Everything that is UDP to port 9, at any level.
    std::vector<CapturedPacket> datagrams() {
        auto packets = taps.finish();
        std::erase_if(packets, [this](const CapturedPacket& packet) {
            const auto levels = decode_packet(packet, taps.places().at(packet.place).link_type);
            return !levels.back().transport || levels.back().transport->destination != 9;
        });
        return packets;
    }

    CaptureSet taps;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(kernel_capture, CaptureFixture)

BOOST_AUTO_TEST_CASE(one_packet_is_seen_at_each_hop_outer_and_inner) {
    listen("pod/x/a", "eth0");
    listen("node/node-1", "vxlan1");
    listen("node/node-1", "eth0");
    listen("node/node-2", "eth0");
    listen("pod/x/b", "eth0");
    send(1, 100);
    const auto seen = datagrams();
    BOOST_REQUIRE_EQUAL(seen.size(), 5U);
    std::set<std::size_t> places;
    for (std::size_t i = 0; i < seen.size(); ++i) {
        const auto levels = decode_packet(seen[i], kLinkTypeEthernet);
        const bool outside = seen[i].place == 2 || seen[i].place == 3;
        BOOST_TEST(levels.size() == (outside ? 2U : 1U));
        BOOST_TEST(levels.back().ip->destination.to_string() == "10.244.2.2");
        BOOST_TEST((seen[i].direction == PacketDirection::In) == (seen[i].place >= 3));
        BOOST_TEST((i == 0 || seen[i - 1].time_ns <= seen[i].time_ns));
        places.insert(seen[i].place);
    }
    BOOST_TEST(places.size() == 5U);
    BOOST_TEST(seen.front().place == 0U); // as it left
    BOOST_TEST(seen.back().place == 4U);  // and where it arrived
    BOOST_TEST(seen.front().size == 142U);
}

BOOST_AUTO_TEST_CASE(tcpdump_reads_what_is_written) {
    listen("node/node-1", "eth0");
    send(3, 20);
    std::string bytes = pcapng_head({.application = "test"}, taps.places());
    for (const auto& packet : datagrams()) {
        bytes += pcapng_packet(packet);
    }
    bytes += pcapng_statistics({0, 0, 3, 0});
    const TemporaryFile file(bytes);
    const auto read = run_in(-1, {"tcpdump", "-nr", file.path()});
    if (read.err.find("Couldn't change to") != std::string::npos) {
        // It leaves root, and in our user namespace there is nobody else to become; the end-to-end
        // cases have an ordinary user read the file.
        BOOST_TEST_MESSAGE("SKIPPED: tcpdump cannot leave root in this user namespace");
        return;
    }
    BOOST_TEST(read.status == 0, read.err);
    BOOST_TEST(read.out.find("VXLAN, flags [I] (0x08), vni 1") != std::string::npos, read.out);
    BOOST_TEST(read.out.find("IP 10.244.1.2.") != std::string::npos, read.out);
    BOOST_TEST(read.out.find("> 10.244.2.2.9: UDP, length 20") != std::string::npos, read.out);
}

BOOST_AUTO_TEST_CASE(only_the_first_bytes_are_kept_if_so_asked) {
    listen("pod/x/a", "eth0", {.snap_bytes = 64});
    send(1, 500);
    const auto seen = datagrams();
    BOOST_REQUIRE_EQUAL(seen.size(), 1U);
    BOOST_TEST(seen[0].bytes.size() == 64U);
    BOOST_TEST(seen[0].size == 542U);
}

BOOST_AUTO_TEST_CASE(what_nobody_reads_is_dropped_and_counted) {
    const auto place = listen("pod/x/a", "eth0", {.ring_bytes = 1}); // the least there is
    constexpr std::size_t kCount = 1500;
    send(kCount, 1000);
    const auto kept = datagrams().size();
    const auto statistics = taps.statistics(place);
    BOOST_TEST(statistics.dropped > 0U);
    BOOST_TEST(kept > 0U);
    BOOST_TEST(statistics.seen >= kCount);
    BOOST_TEST(kept + statistics.dropped >= kCount);
    BOOST_TEST(kept + statistics.dropped <= statistics.seen);
}

BOOST_AUTO_TEST_CASE(an_interface_that_is_deleted_is_told) {
    listen("pod/x/a", "eth0");
    listen("node/node-1", "eth0");
    BOOST_TEST(taps.newly_gone().empty());
    apply({DeleteLink{"node/node-1", "vetha"}}); // and with it the pod's end
    const auto gone = taps.newly_gone();
    BOOST_REQUIRE_EQUAL(gone.size(), 1U);
    BOOST_TEST(gone[0] == 0U);
    BOOST_TEST(!taps.all_gone());
    BOOST_TEST(taps.newly_gone().empty());
}

BOOST_AUTO_TEST_CASE(an_interface_that_goes_down_is_still_there_until_it_is_deleted) {
    listen("pod/x/c", "eth0");
    auto down = veth_peer(veth("vethc", 12, "pod/x/c"));
    down.mtu = 1450;
    down.up = false;
    apply({ChangeLink{"pod/x/c", down}});
    BOOST_TEST(taps.newly_gone().empty()); // and the error of going down is read
    apply({DeleteLink{"node/node-1", "vethc"}});
    BOOST_TEST(taps.newly_gone().size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_refused) {
    try {
        (void)open_tap(*kernel, "pod/x/a", "eth7", {});
        BOOST_FAIL("a tap on nothing");
    } catch (const SysError& error) {
        BOOST_TEST(error.error_number() == ENODEV);
        BOOST_TEST(std::string(error.what()).find("eth7") != std::string::npos);
    }
    BOOST_CHECK_THROW((void)open_tap(*kernel, "pod/x/nobody", "eth0", {}), Error);
    BOOST_CHECK_THROW(
        (void)open_tap(*kernel, "pod/x/a", "an-interface-name-too-long", {}), SysError);
}

BOOST_AUTO_TEST_SUITE_END()
