#include <array>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/http1_connection.h"
#include "labctl/dataplane/ingress_pod.h"
#include "tests/netns/ingress_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;
using namespace std::chrono_literals;

namespace {

/// One connection to a controller in this very process, whose clock is made up, and its endpoint.
struct IngressClock {
    test::DataPlaneNet net; // for the addresses of its bridge
    netemu::EventLoop loop;
    std::shared_ptr<ServedPod> pod = std::make_shared<ServedPod>();
    IngressPod controller{
        loop,
        pod,
        {[this](netemu::Family, UpstreamPool::SocketArrived arrived) {
             loop.after(0us, [arrived] {
                 arrived(netemu::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)));
             });
             return 1U;
         },
         [](std::uint32_t) {}}};
    netemu::UniqueFd listener{::socket(AF_INET, SOCK_STREAM, 0)};
    netemu::UniqueFd client;
    netemu::UniqueFd endpoint; // its end
    std::unique_ptr<HttpConnection> connection;
    bool closed = false;
    netemu::Clock::time_point now = netemu::Clock::now();

    IngressClock() {
        sockaddr_storage address{};
        const auto size = test::endpoint_of("10.1.0.1", 8080).to_sockaddr(address);
        BOOST_REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        BOOST_REQUIRE(::listen(listener.get(), 8) == 0);
        auto rules = std::make_shared<IngressRules>();
        rules->table = test::one_backend({"10.1.0.1"});
        controller.set_rules(rules);
        std::array<int, 2> pair{};
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()) == 0);
        client.reset(pair[0]);
        connection = std::make_unique<Http1Connection>(
            loop,
            controller,
            HttpClient{{}, 80, false},
            std::make_unique<ClientStream>(loop, netemu::UniqueFd(pair[1]), nullptr),
            [this](HttpConnection&) { closed = true; });
        connection->start({});
    }
    void turn() {
        for (int i = 0; i < 20; ++i) {
            loop.run_once(1ms);
        }
    }
    void say(const std::string& bytes) {
        BOOST_REQUIRE(::send(client.get(), bytes.data(), bytes.size(), 0) > 0);
        turn();
    }
    void accept() {
        endpoint.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
        BOOST_REQUIRE(endpoint);
    }
    void answer(const std::string& bytes) {
        BOOST_REQUIRE(::send(endpoint.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0);
        turn();
    }
    std::string heard() {
        turn();
        std::array<char, 65536> buffer{};
        const auto size = ::recv(client.get(), buffer.data(), buffer.size(), 0);
        return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
    }
    /// Time passes, a second at a time.
    void pass(std::chrono::seconds seconds) {
        for (auto left = seconds; left > 0s && !closed; left -= 1s) {
            now += 1s;
            connection->expire(now);
        }
        turn();
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(ingress_ends_idle_connections, IngressClock) {
    pass(74s);
    BOOST_TEST(!closed);
    pass(3s);
    BOOST_TEST(closed);
    BOOST_TEST(heard().empty());
}

BOOST_FIXTURE_TEST_CASE(ingress_waits_no_longer_for_a_head_that_comes_in_drops, IngressClock) {
    for (int i = 0; i < 7; ++i) {
        say(i == 0 ? "GET / HTTP/1.1\r\n" : "X: y\r\n");
        pass(10s);
    }
    BOOST_TEST(!closed);
    pass(7s);
    BOOST_TEST(test::status_of(heard()) == 408);
    pass(4s);
    BOOST_TEST(closed);
}

BOOST_FIXTURE_TEST_CASE(ingress_waits_a_minute_for_an_answer, IngressClock) {
    say(test::get_request("/"));
    accept();
    pass(58s);
    BOOST_TEST(heard().empty());
    pass(4s);
    const auto late = heard();
    BOOST_TEST(test::status_of(late) == 504);
    BOOST_TEST(late.find("the endpoint has said nothing for 60 s") != std::string::npos);
    BOOST_TEST(!closed); // the client may ask for something else
    pass(80s);
    BOOST_TEST(closed);
}

BOOST_FIXTURE_TEST_CASE(ingress_waits_for_an_upload_that_goes_on, IngressClock) {
    say("POST / HTTP/1.1\r\nHost: real\r\nContent-Length: 100\r\n\r\n");
    accept();
    for (int i = 0; i < 10; ++i) { // ten minutes, and the endpoint has nothing to say
        say("x");
        now = std::max(now, netemu::Clock::now());
        pass(1s);
    }
    BOOST_TEST(heard().empty());
    pass(80s); // this is the client's fault
    BOOST_TEST(test::status_of(heard()) == 408);
    pass(4s);
    BOOST_TEST(closed);
}

BOOST_FIXTURE_TEST_CASE(ingress_gives_up_a_client_that_does_not_read, IngressClock) {
    say(test::get_request("/"));
    accept();
    answer("HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n");
    const std::string piece(100000, 'a');
    const auto fill = [&] {
        while (::send(endpoint.get(), piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
            turn();
        }
    };
    fill();
    pass(70s);
    BOOST_TEST(!closed);
    for (int i = 0; i < 10; ++i) {
        BOOST_TEST(!heard().empty()); // it reads something
        fill();
    }
    turn(); // what the kernel takes now is progress, too, and time does not pass meanwhile
    pass(70s);
    BOOST_TEST(!closed);
    pass(10s);
    BOOST_TEST(closed);
}

BOOST_FIXTURE_TEST_CASE(ingress_drains_a_client_that_talks_on_only_so_long, IngressClock) {
    say("POST / HTTP/1.1\r\nHost: nobody\r\nContent-Length: 1000000\r\n\r\n");
    BOOST_TEST(test::status_of(heard()) == 404);
    say("more");
    pass(1s);
    BOOST_TEST(!closed);
    say("more");
    pass(4s);
    BOOST_TEST(closed);
}

BOOST_FIXTURE_TEST_CASE(ingress_keeps_an_upgraded_connection_for_an_hour, IngressClock) {
    say("GET / HTTP/1.1\r\nHost: real\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    accept();
    answer("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
    BOOST_TEST(test::status_of(heard()) == 101);
    pass(3590s);
    BOOST_TEST(!closed);
    pass(20s);
    BOOST_TEST(closed);
}
// NOLINTEND
