#define BOOST_TEST_NO_MAIN
#include <array>
#include <fstream>
#include <random>

#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "tests/netns/dns_net.h"

using namespace test;

namespace {

dns::ServiceValue many_endpoints() {
    dns::ServiceValue many{"prod", "many", dns::ServiceKind::Headless, {}, {}, {}, ""};
    dns::SliceValue slice;
    for (unsigned i = 0; i < 100; ++i) {
        slice.endpoints.push_back({netemu::IpAddress::v4(0x0af40a00 + i), "", true});
    }
    many.slices = {slice};
    return many;
}

std::string status_of(const std::string& dig_output) {
    const auto at = dig_output.find("status: ");
    return at == std::string::npos ? "none"
                                   : dig_output.substr(at + 8, dig_output.find(',', at) - at - 8);
}

} // namespace

BOOST_AUTO_TEST_SUITE(dns_server)

BOOST_AUTO_TEST_CASE(dig_kdig_and_drill_agree) {
    DnsNet net;
    const std::string db = "10.244.1.7\n10.244.2.7\n10.244.3.7\n";
    for (const auto* tool :
         {"dig +short @10.96.0.10",
          "dig +short +tcp @10.96.0.10",
          "dig +short @fd00:96::a",
          "dig +short -p 5353 @10.96.0.11",
          "kdig +short @10.96.0.10",
          "kdig +short +tcp @10.96.0.10",
          "drill -Q @10.96.0.10",
          "drill -t -Q @10.96.0.10"}) {
        BOOST_TEST(net.lines(std::string(tool) + " db.prod.svc.cluster.local A") == db, tool);
    }
    BOOST_TEST(
        net.lines("dig +short @10.96.0.10 _pg._tcp.db.prod.svc.cluster.local SRV") ==
        "0 25 5432 db-0.db.prod.svc.cluster.local.\n0 25 5432 db-1.db.prod.svc.cluster.local.\n");
    BOOST_TEST(
        net.lines("dig +short @10.96.0.10 -x 10.96.0.100") == "web.prod.svc.cluster.local.\n");
    BOOST_TEST(
        net.lines("kdig +short @10.96.0.10 -x fd00:96::66") == "dual.prod.svc.cluster.local.\n");
    BOOST_TEST(net.lines("dig +short @10.96.0.10 dns-version.cluster.local TXT") == "\"1.1.0\"\n");
}

BOOST_AUTO_TEST_CASE(rcodes_as_dig_sees_them) {
    DnsNet net;
    const auto status = [&net](const std::string& words) {
        return status_of(net.run("dig @10.96.0.10 " + words).out);
    };
    BOOST_TEST(status("web.prod.svc.cluster.local") == "NOERROR");
    BOOST_TEST(status("gone.prod.svc.cluster.local") == "NXDOMAIN");
    BOOST_TEST(status("-c CH web.prod.svc.cluster.local") == "REFUSED");
    BOOST_TEST(status("+opcode=2 web.prod.svc.cluster.local") == "NOTIMP");
    BOOST_TEST(status("+edns=1 +noednsneg web.prod.svc.cluster.local") == "BADVERS");
    BOOST_TEST(status("+header-only web.prod.svc.cluster.local") == "FORMERR");
    BOOST_TEST(
        net.run("dig +tcp @10.96.0.10 cluster.local AXFR").out.find("Transfer failed") !=
        std::string::npos);
    const auto negative =
        net.run("dig +noall +authority @10.96.0.10 gone.prod.svc.cluster.local").out;
    BOOST_TEST(negative.find("hostmaster.cluster.local.") != std::string::npos);
    // Unknown options are ignored, cookies too.
    BOOST_TEST(status("+cookie +nsid +ednsopt=65001:00ff web.prod.svc.cluster.local") == "NOERROR");
}

BOOST_AUTO_TEST_CASE(large_answers_are_cut_and_come_whole_over_tcp) {
    DnsNet net;
    net.zone.set_service(many_endpoints());
    const std::string query = "@10.96.0.10 many.prod.svc.cluster.local A";
    const auto cut = net.run("dig +ignore +bufsize=1232 " + query).out;
    BOOST_TEST(cut.find(" tc") != std::string::npos);
    const auto whole = net.lines("dig +short " + query);
    BOOST_TEST(std::count(whole.begin(), whole.end(), '\n') == 100);
    const auto other = net.lines("kdig +short " + query);
    BOOST_TEST(other == whole);
}

BOOST_AUTO_TEST_CASE(answers_come_from_the_address_that_was_asked) {
    DnsNet net;
    for (const auto* address :
         {"10.96.0.10:53",
          "10.96.0.11:53",
          "[fd00:96::a]:53",
          "[fd00:96::b]:53",
          "127.0.0.1:53",
          "10.96.0.11:5353"}) {
        // A connected socket takes datagrams from that address only.
        const auto client = DnsNet::connected(SOCK_DGRAM, address);
        const auto query = query_bytes("web.prod.svc.cluster.local", "A");
        BOOST_REQUIRE(::send(client.get(), query.data(), query.size(), 0) > 0);
        std::array<char, 1500> answer;
        ssize_t size = -1;
        net.until(
            [&]() {
                size = ::recv(client.get(), answer.data(), answer.size(), MSG_DONTWAIT);
                return size > 0;
            },
            2);
        BOOST_TEST(size > 0, address);
    }
}

BOOST_AUTO_TEST_CASE(late_answers_too) {
    DnsNet net;
    net.upstream->late = true;
    net.upstream->answers = {{"www.example.com. A", {"www.example.com. 60 A 192.0.2.80"}}};
    for (const auto* address : {"10.96.0.11:53", "[fd00:96::b]:53"}) {
        const auto client = DnsNet::connected(SOCK_DGRAM, address);
        const auto query = query_bytes("www.example.com", "A");
        BOOST_REQUIRE(::send(client.get(), query.data(), query.size(), 0) > 0);
        (void)net.until([&net]() { return !net.upstream->waiting.empty(); }, 1);
        for (auto& go : net.upstream->waiting) {
            go();
        }
        net.upstream->waiting.clear();
        std::array<char, 1500> answer;
        ssize_t size = -1;
        (void)net.until(
            [&]() {
                size = ::recv(client.get(), answer.data(), answer.size(), MSG_DONTWAIT);
                return size > 0;
            },
            2);
        BOOST_TEST(size > 0, address); // the second one from the cache
    }
    BOOST_TEST(net.upstream->asked.size() == 1U);
    BOOST_TEST(net.server->counters().requests() == 2U);
}

BOOST_AUTO_TEST_CASE(the_c_library_resolves) {
    DnsNet net;
    net.upstream->answers = {{"api.example.com. A", {"api.example.com. 60 A 192.0.2.80"}}};
    char file[] = "/tmp/dns-resolv.XXXXXX";
    const netemu::UniqueFd fd(::mkstemp(file));
    std::ofstream(file) << "nameserver 10.96.0.10\n"
                           "search prod.svc.cluster.local svc.cluster.local cluster.local\n"
                           "options ndots:5\n";
    BOOST_REQUIRE(::mount(file, "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0);
    const auto hosts = [&net](const std::string& name) {
        const auto output =
            net.run("getent ahosts " + name + " | awk '$2 == \"STREAM\" {print $1}'");
        return output.out;
    };
    BOOST_TEST(hosts("web") == "10.96.0.100\n");
    BOOST_TEST(hosts("kube-dns.kube-system") == "10.96.0.10\n");
    BOOST_TEST(hosts("v6") == "fd00:96::67\n");
    const auto before = net.server->counters().requests();
    BOOST_TEST(hosts("api.example.com") == "192.0.2.80\n");
    // Three suffixes and the name itself, for A and AAAA each (section 7.3); glibc gives AAAA that
    // fails another try.
    BOOST_TEST(net.server->counters().requests() - before >= 8U);
    BOOST_TEST(hosts("gone") == "");
    BOOST_REQUIRE(::umount("/etc/resolv.conf") == 0);
    ::unlink(file);
}

BOOST_AUTO_TEST_CASE(log_and_counters) {
    std::vector<std::string> log;
    dns::ServerOptions options;
    options.log = [&log](const dns::LogEntry& entry) { log.push_back(entry.text()); };
    DnsNet net(options);
    (void)net.run("dig +bufsize=1232 +nocookie @10.96.0.10 gone.prod.svc.cluster.local");
    (void)net.run("dig +tcp +noedns @10.96.0.10 www.example.com");
    BOOST_REQUIRE(log.size() == 2U);
    BOOST_TEST(
        log[0].find("\"A IN gone.prod.svc.cluster.local. udp ") != std::string::npos, log[0]);
    BOOST_TEST(log[0].find("false 1232\" NXDOMAIN qr,aa,rd ") != std::string::npos, log[0]);
    BOOST_TEST(log[1].find(" tcp ") != std::string::npos);
    BOOST_TEST(log[1].find("SERVFAIL qr,rd,ra ") != std::string::npos, log[1]);
    BOOST_TEST(net.server->counters().responses(dns::Rcode::NxDomain) == 1U);
}

BOOST_AUTO_TEST_CASE(rate_limit_sends_real_clients_to_tcp) {
    dns::ServerOptions options;
    options.rate_per_second = 5;
    options.rate_slip = 1;
    DnsNet net(options);
    for (int i = 0; i < 10; ++i) { // dig comes again over TCP when it sees TC
        BOOST_TEST(
            net.lines("dig +short @10.96.0.10 web.prod.svc.cluster.local") == "10.96.0.100\n");
    }
}

BOOST_AUTO_TEST_CASE(hundreds_of_thousands_of_broken_datagrams) {
    constexpr auto kTimeMax = std::chrono::seconds(5);
    constexpr std::size_t kRounds = 6000;
    constexpr std::size_t kEach = 50;
    DnsNet net;
    const auto client = DnsNet::connected(SOCK_DGRAM, "10.96.0.10:53");
    std::mt19937 random(5);
    const auto good = query_bytes("web.prod.svc.cluster.local", "A", 1232);
    std::size_t sent = 0;
    std::size_t answers = 0;
    std::array<char, 2000> buffer;
    const auto deadline = netemu::Clock::now() + kTimeMax;
    for (std::size_t i = 0; i < kRounds && netemu::Clock::now() < deadline; ++i) {
        for (std::size_t k = 0; k < kEach; ++k) {
            auto packet = good;
            for (auto n = random() % 4 + 1; n > 0; --n) {
                packet[random() % packet.size()] = static_cast<char>(random());
            }
            packet.resize(random() % 3 == 0 ? random() % packet.size() : packet.size());
            sent += ::send(client.get(), packet.data(), packet.size(), MSG_DONTWAIT) >= 0 ? 1 : 0;
        }
        net.loop.run_once(std::chrono::milliseconds(0));
        for (ssize_t size = 0;
             (size = ::recv(client.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0;) {
            BOOST_REQUIRE(
                dns::decode(dns::as_bytes({buffer.data(), static_cast<std::size_t>(size)})));
            ++answers;
        }
    }
    BOOST_TEST_MESSAGE(sent << " sent, " << answers << " answered");
    BOOST_TEST(sent > 20000U);
    BOOST_TEST(net.lines("dig +short @10.96.0.10 web.prod.svc.cluster.local") == "10.96.0.100\n");
}

BOOST_AUTO_TEST_CASE(sockets_can_be_taken_back) {
    DnsNet net;
    const int number = net.server->add_udp(DnsNet::socket(AF_INET, SOCK_DGRAM, "10.96.0.11:5300"));
    BOOST_TEST(
        net.lines("dig +short -p 5300 @10.96.0.11 web.prod.svc.cluster.local") == "10.96.0.100\n");
    net.server->remove(number);
    BOOST_TEST(
        net.run("dig +tries=1 +time=1 -p 5300 @10.96.0.11 web.prod.svc.cluster.local").status != 0);
    // The server ends while an upstream is still thinking.
    net.upstream->late = true;
    const auto client = DnsNet::connected(SOCK_DGRAM, "10.96.0.10:53");
    const auto query = query_bytes("www.example.com", "A");
    BOOST_REQUIRE(::send(client.get(), query.data(), query.size(), 0) > 0);
    BOOST_REQUIRE(net.until([&net]() { return !net.upstream->waiting.empty(); }, 2));
    net.server.reset();
    net.upstream->waiting.at(0)();
}

BOOST_AUTO_TEST_SUITE_END()
