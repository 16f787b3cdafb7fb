#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/channel.h"
#include "labctl/dataplane/link_engine.h"
#include "labctl/dataplane/link_registry.h"
#include "netemu/base/error.h"
#include "netemu/base/process.h"
#include "netemu/kernel/kernel.h"
#include "netemu/kernel/link_tun.h"
#include "netemu/model/plan.h"
#include "tests/support/netns_main.h"

using namespace labctl::dataplane;
using namespace netemu;
using namespace netemu::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kOnePercent = kWholeShare / 100;
constexpr std::uint16_t kTestPort = 5300;

/// The child's half of links, on a thread of this process.
class EngineThread {
public:
    explicit EngineThread(UniqueFd end)
        : thread_([socket = std::move(end)]() mutable {
              EventLoop loop;
              Channel* channel = nullptr;
              LinkEngine engine(
                  loop, [&](std::string message) { channel->send(std::move(message)); });
              Channel supervisor(
                  loop,
                  std::move(socket),
                  [&](std::string_view message, std::vector<UniqueFd>& fds) {
                      engine.handle(message, fds);
                  },
                  [&] { loop.stop(); });
              channel = &supervisor;
              loop.run();
          }) {}
    EngineThread(const EngineThread&) = delete;
    EngineThread& operator=(const EngineThread&) = delete;
    ~EngineThread() { thread_.join(); }

private:
    std::thread thread_;
};

NamespaceSpec end_of_cable(const char* peer, std::uint8_t number, bool first) {
    LinkSpec loopback;
    loopback.name = "lo";
    loopback.index = 1;
    LinkSpec eth0;
    eth0.name = "eth0";
    eth0.index = 7;
    eth0.kind = TapSpec{peer, "eth0", first};
    eth0.mac = MacAddress{{0x02, 0xe0, 0, 0, 0, number}};
    eth0.mtu = 1500;
    eth0.addresses = {*IpPrefix::parse("10.9.0." + std::to_string(number) + "/24")};
    NamespaceSpec spec;
    spec.role = NamespaceRole::External;
    spec.links = {std::move(loopback), std::move(eth0)};
    return spec;
}

struct CableFixture {
    CableFixture() {
        try {
            require_tun();
        } catch (const UnsupportedError& error) {
            BOOST_TEST_MESSAGE("skipped: " << error.what());
            return;
        }
        desired.namespaces = {
            {"host/a", end_of_cable("host/b", 1, true)},
            {"host/b", end_of_cable("host/a", 2, false)}};
        kernel->apply(make_plan(desired, {}));
        cable.ends[0] = {"host/a", "eth0", {}};
        cable.ends[1] = {"host/b", "eth0", {}};
        registry.serve({cable});
        start_engine();
        usable = true;
    }
    CableFixture(const CableFixture&) = delete;
    CableFixture& operator=(const CableFixture&) = delete;
    ~CableFixture() { stop_engine(); }

    void start_engine() {
        SocketPair pair(SOCK_SEQPACKET);
        engine = std::make_unique<EngineThread>(std::move(pair.second));
        channel = std::make_unique<Channel>(
            loop,
            std::move(pair.first),
            [this](std::string_view message, std::vector<UniqueFd>& /*fds*/) {
                WireReader record(message);
                while (!record.done()) {
                    BOOST_REQUIRE((record.op() == Op::LinkCounters));
                    registry.counters_arrived(record);
                }
            },
            [] {});
        registry.set_channel(channel.get());
    }
    void stop_engine() {
        registry.set_channel(nullptr);
        channel.reset(); // the thread ends with it
        engine.reset();
    }

    /// What leaves by both ends.
    void impair(const Impairment& impairment) {
        cable.ends[0].impairment = impairment;
        cable.ends[1].impairment = impairment;
        registry.serve({cable});
    }

    Output run(const char* ns, const std::vector<std::string>& command) {
        return run_in(kernel->namespace_fd(ns), command);
    }

    std::string ping(int count, const char* size = "56") {
        return run("host/a",
                   {"ping",
                    "-n",
                    "-i",
                    "0.01",
                    "-c",
                    std::to_string(count),
                    "-W",
                    "5",
                    "-s",
                    size,
                    "10.9.0.2"})
            .out;
    }

    /// Takes the counters that have come in the meantime, until they are as wanted.
    bool await_counters(const std::function<bool(const LinkCounters&)>& wanted) {
        const auto deadline = Clock::now() + 10s;
        while (!wanted(*registry.counters("host/a", "eth0"))) {
            if (Clock::now() > deadline) {
                return false;
            }
            loop.run_once(50ms);
        }
        return true;
    }

    UniqueFd socket(const char* ns, int type) { return kernel->open_socket(ns, AF_INET, type, 0); }

    EventLoop loop;
    std::unique_ptr<Kernel> kernel = make_linux_kernel();
    DesiredState desired;
    LinkCable cable;
    LinkRegistry registry{[this](const std::string& ns, const std::string& link) {
        return kernel->tun_descriptor(ns, link);
    }};
    std::unique_ptr<EngineThread> engine;
    std::unique_ptr<Channel> channel;
    bool usable = false;
};

sockaddr_in place(const char* address, std::uint16_t port) {
    sockaddr_storage storage{};
    (void)Endpoint{*IpAddress::parse(address), port}.to_sockaddr(storage);
    sockaddr_in made{};
    std::memcpy(&made, &storage, sizeof made);
    return made;
}

void bind_to(const UniqueFd& socket, const sockaddr_in& to) {
    BOOST_REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
}

void connect_to(const UniqueFd& socket, const sockaddr_in& to) {
    BOOST_REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
}

char pattern(std::size_t at) {
    return static_cast<char>((at * 2654435761U) >> 13U);
}

/// Sends so many bytes from a to b by TCP; whether they came as they were.
bool carries_tcp(CableFixture& net, std::size_t bytes) {
    const auto listener = net.socket("host/b", SOCK_STREAM);
    bind_to(listener, place("10.9.0.2", kTestPort));
    BOOST_REQUIRE(::listen(listener.get(), 1) == 0);
    const auto sender = net.socket("host/a", SOCK_STREAM);
    connect_to(sender, place("10.9.0.2", kTestPort));
    const UniqueFd receiver(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::thread sending([&sender, bytes] {
        std::vector<char> data(1U << 16U);
        for (std::size_t sent = 0; sent < bytes;) {
            const auto size = std::min(data.size(), bytes - sent);
            for (std::size_t i = 0; i < size; ++i) {
                data[i] = pattern(sent + i);
            }
            const auto done = ::send(sender.get(), data.data(), size, MSG_NOSIGNAL);
            if (done <= 0) {
                return;
            }
            sent += static_cast<std::size_t>(done);
        }
        ::shutdown(sender.get(), SHUT_WR);
    });
    const timeval patience{20, 0};
    ::setsockopt(receiver.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::vector<char> data(1U << 16U);
    std::size_t seen = 0;
    bool same = true;
    for (;;) {
        const auto size = ::recv(receiver.get(), data.data(), data.size(), 0);
        if (size <= 0) {
            break;
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
            same = same && data[i] == pattern(seen + i);
        }
        seen += static_cast<std::size_t>(size);
    }
    ::shutdown(sender.get(), SHUT_RDWR);
    sending.join();
    return same && seen == bytes;
}

/// Sends numbered datagrams from a to b; the numbers in the order in which they came.
std::vector<std::uint32_t> numbers_through(CableFixture& net, std::uint32_t count, bool burst) {
    const auto receiver = net.socket("host/b", SOCK_DGRAM);
    bind_to(receiver, place("10.9.0.2", kTestPort));
    const auto sender = net.socket("host/a", SOCK_DGRAM);
    connect_to(sender, place("10.9.0.2", kTestPort));
    std::vector<std::uint32_t> numbers;
    const auto receive = [&](int patience_ms) {
        pollfd wait{receiver.get(), POLLIN, 0};
        std::uint32_t number = 0;
        while (::poll(&wait, 1, patience_ms) > 0 &&
               ::recv(receiver.get(), &number, sizeof number, MSG_DONTWAIT) == sizeof number) {
            numbers.push_back(number);
        }
    };
    for (std::uint32_t i = 0; i < count; ++i) {
        BOOST_REQUIRE(::send(sender.get(), &i, sizeof i, 0) == sizeof i);
        if (!burst) {
            std::this_thread::sleep_for(200us);
        }
    }
    receive(500); // of silence
    return numbers;
}

/// A counter of /proc/net/snmp.
long snmp(CableFixture& net, const char* ns, const std::string& group, const std::string& name) {
    std::istringstream lines(net.run(ns, {"cat", "/proc/net/snmp"}).out);
    std::string titles;
    std::string values;
    while (std::getline(lines, titles) && std::getline(lines, values)) {
        std::istringstream title(titles);
        std::istringstream value(values);
        std::string word;
        std::string number;
        while (title >> word && value >> number) {
            if (titles.starts_with(group) && word == name) {
                return std::stol(number);
            }
        }
    }
    return -1;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(userspace_links, CableFixture)

BOOST_AUTO_TEST_CASE(the_ends_are_as_those_of_a_veth_pair) {
    if (!usable) {
        return;
    }
    const auto links = json_in(
        kernel->namespace_fd("host/a"), {"ip", "-d", "-j", "address", "show", "dev", "eth0"});
    BOOST_REQUIRE(links.size() == 1U);
    BOOST_TEST(links[0]["address"] == "02:e0:00:00:00:01");
    BOOST_TEST(links[0]["mtu"] == 1500);
    BOOST_TEST(links[0]["ifindex"] == 7);
    BOOST_TEST(links[0]["linkinfo"]["info_kind"] == "tun");
    BOOST_TEST(links[0]["linkinfo"]["info_data"]["type"] == "tap");
    BOOST_TEST(links[0]["addr_info"].size() == 1U);
    BOOST_TEST(make_plan(desired, kernel->observe()).empty());
    BOOST_TEST(make_plan(desired, expected_observation(desired)).empty());
    BOOST_TEST(ping(3).find("3 received") != std::string::npos);
    BOOST_TEST(ping(3, "20000").find("3 received") != std::string::npos); // fragments
}

BOOST_AUTO_TEST_CASE(an_end_that_is_down_takes_the_carrier_of_the_other) {
    if (!usable) {
        return;
    }
    const auto carrier = [&] {
        const auto links =
            json_in(kernel->namespace_fd("host/b"), {"ip", "-j", "link", "show", "dev", "eth0"});
        return links[0]["flags"].dump().find("NO-CARRIER") == std::string::npos;
    };
    // The kernel tells of it when it comes to it: at once of a veth pair, else within a second.
    const auto comes_to = [&](bool wanted) {
        const auto deadline = Clock::now() + 10s;
        while (carrier() != wanted && Clock::now() < deadline) {
            std::this_thread::sleep_for(10ms);
        }
        return carrier() == wanted;
    };
    BOOST_TEST(comes_to(true));
    auto cut = desired;
    cut.namespaces.at("host/a").links[1].up = false;
    kernel->apply(make_plan(cut, kernel->observe()));
    BOOST_TEST(comes_to(false));
    BOOST_TEST(run("host/b", {"ping", "-c", "1", "-W", "1", "10.9.0.1"}).status != 0);
    kernel->apply(make_plan(desired, kernel->observe()));
    BOOST_TEST(comes_to(true));
    BOOST_TEST(ping(1).find("1 received") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(bulk) {
    if (!usable) {
        return;
    }
    constexpr std::size_t kBytes = 64U << 20U;
    BOOST_TEST(carries_tcp(*this, kBytes));
    // Counted as packets of the wire, and moved as few large ones.
    BOOST_TEST(await_counters([](const LinkCounters& each) {
        return each.delivered_bytes > kBytes && each.delivered > kBytes / 1500;
    }));
    BOOST_TEST(snmp(*this, "host/b", "Tcp:", "InSegs") < 20'000); // GSO, 45,000 else
}

BOOST_AUTO_TEST_CASE(bulk_at_a_rate_with_losses_and_damage) {
    if (!usable) {
        return;
    }
    Impairment impairment;
    impairment.rate_bps = 200'000'000;
    impairment.loss = kOnePercent / 10;
    impairment.corrupt = kOnePercent / 2;
    impairment.duplicate = kOnePercent;
    impair(impairment);
    const auto begin = Clock::now();
    BOOST_TEST(carries_tcp(*this, 4U << 20U));
    const auto seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    BOOST_TEST(seconds > 0.15); // four million bytes are 0.17 s
    BOOST_TEST(await_counters([](const LinkCounters& each) { return each.corrupted > 0; }));
    // Of a damaged bit in twenty only one is in the Ethernet header.
    BOOST_TEST(snmp(*this, "host/b", "Tcp:", "InCsumErrors") > 0);
}

BOOST_AUTO_TEST_CASE(delay) {
    if (!usable) {
        return;
    }
    (void)ping(1);
    Impairment impairment;
    impairment.delay_us = 15'000;
    impair(impairment);
    const auto text = ping(20);
    BOOST_TEST(text.find("20 received") != std::string::npos, text);
    const auto figures = text.substr(text.find("mdev = ") + 7);
    BOOST_TEST(std::stod(figures) >= 30.0, text); // the least of the round trips
    BOOST_TEST(std::stod(figures) < 60.0, text);  // a busy machine, once in twenty
}

BOOST_AUTO_TEST_CASE(all_is_lost_and_found_again) {
    if (!usable) {
        return;
    }
    (void)ping(1);
    Impairment impairment;
    impairment.loss = kWholeShare;
    impair(impairment);
    BOOST_TEST(numbers_through(*this, 50, false).empty());
    BOOST_TEST(await_counters([](const LinkCounters& each) { return each.lost >= 50; }));
    impair({});
    BOOST_TEST(numbers_through(*this, 50, false).size() == 50U);
}

BOOST_AUTO_TEST_CASE(order) {
    if (!usable) {
        return;
    }
    (void)ping(1);
    auto numbers = numbers_through(*this, 150, true);
    BOOST_TEST(numbers.size() == 150U); // joined or not, each is a datagram of its own
    BOOST_TEST(std::is_sorted(numbers.begin(), numbers.end()));
    Impairment impairment;
    impairment.delay_us = 10'000;
    impairment.reorder = 30 * kOnePercent;
    impairment.duplicate = 10 * kOnePercent;
    impair(impairment);
    numbers = numbers_through(*this, 150, false);
    BOOST_TEST(!std::is_sorted(numbers.begin(), numbers.end()));
    BOOST_TEST(std::set<std::uint32_t>(numbers.begin(), numbers.end()).size() == 150U);
    BOOST_TEST(numbers.size() > 150U);
    BOOST_TEST(await_counters(
        [](const LinkCounters& each) { return each.reordered > 0 && each.duplicated > 0; }));
}

BOOST_AUTO_TEST_CASE(a_new_child_carries_on) {
    if (!usable) {
        return;
    }
    BOOST_TEST(ping(2).find("2 received") != std::string::npos);
    BOOST_TEST(await_counters([](const LinkCounters& each) { return each.delivered >= 3; }));
    const auto before = registry.counters("host/a", "eth0")->delivered;
    stop_engine();
    start_engine();
    BOOST_TEST(ping(2).find("2 received") != std::string::npos);
    BOOST_TEST(
        await_counters([&](const LinkCounters& each) { return each.delivered >= before + 2; }));
}

BOOST_AUTO_TEST_CASE(a_device_that_somebody_has_deleted_comes_back) {
    if (!usable) {
        return;
    }
    BOOST_TEST(run("host/b", {"ip", "link", "delete", "eth0"}).status == 0);
    kernel->apply(make_plan(desired, kernel->observe()));
    registry.serve({cable});
    BOOST_TEST(ping(2).find("2 received") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
