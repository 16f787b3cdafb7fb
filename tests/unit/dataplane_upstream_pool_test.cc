#include <array>

#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/upstream_pool.h"
#include "mesh/tls/config.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;
using Clock = netemu::Clock;

namespace {

struct Nobody final : StreamListener {
    void on_received(std::string_view /*bytes*/) override {}
    void on_ended() override {}
    void on_failed(int /*error*/) override {}
};

/// Idle connections to endpoints that are the other ends of socket pairs, never connected by
/// themselves.
struct PoolFixture {
    netemu::EventLoop loop;
    UpstreamPool pool{loop, {[](netemu::Family, auto) { return 1U; }, [](std::uint32_t) {}}};
    std::vector<netemu::UniqueFd> ends;
    Nobody nobody;

    static Upstream upstream(std::uint16_t port, bool tls = false) {
        Upstream made{{netemu::IpAddress::parse("10.1.0.1").value(), port}};
        if (tls) {
            made.tls = mesh::TlsClientConfig::make({});
        }
        return made;
    }
    void keep(const Upstream& upstream) {
        std::array<int, 2> pair{};
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()) == 0);
        ends.emplace_back(pair[0]);
        pool.keep_idle(std::make_shared<UpstreamStream>(
            loop, netemu::UniqueFd(pair[1]), upstream, static_cast<StreamListener&>(nobody)));
    }
    void turn() { loop.run_once(std::chrono::milliseconds(1)); }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(idle_upstreams_are_found_by_what_they_are, PoolFixture) {
    const auto plain = upstream(80);
    const auto secure = upstream(80, true);
    auto named = secure;
    named.server_name = "b";
    auto from = plain;
    from.source = netemu::IpAddress::parse("127.0.0.6");
    keep(secure);
    for (const auto& other : {plain, upstream(80, true), upstream(81), named, from}) {
        BOOST_TEST((pool.take_idle(other) == nullptr));
    }
    BOOST_TEST(pool.has_idle());
    BOOST_TEST((pool.take_idle(secure) != nullptr));
    BOOST_TEST(!pool.has_idle());
    BOOST_TEST((pool.take_idle(secure) == nullptr));
}

/// Certificates are renewed for as long as a lab lives.
BOOST_FIXTURE_TEST_CASE(idle_upstreams_leave_nothing_behind, PoolFixture) {
    const auto gone = [&](const std::function<void(const Upstream&)>& how) {
        std::weak_ptr<const mesh::TlsClientConfig> settings;
        {
            const auto to = upstream(80, true);
            settings = to.tls;
            keep(to);
            keep(to);
            how(to);
        }
        turn();
        turn();
        return settings.expired() && !pool.has_idle();
    };
    BOOST_TEST(gone([&](const Upstream&) {
        pool.expire(Clock::now() + kIdleUpstreamSeconds + std::chrono::seconds(1));
    }));
    BOOST_TEST(gone([&](const Upstream& to) { pool.drop_idle(to); }));
    BOOST_TEST(gone([&](const Upstream&) { pool.drop_idle_if([](const auto&) { return true; }); }));
    BOOST_TEST(gone([&](const Upstream& to) {
        (void)pool.take_idle(to);
        (void)pool.take_idle(to);
    }));
    BOOST_TEST(gone([&](const Upstream& to) { // what was said on them is nobody's answer
        for (const auto& end : ends) {
            (void)::send(end.get(), "x", 1, MSG_NOSIGNAL);
        }
        BOOST_TEST((pool.take_idle(to) == nullptr));
    }));
}
// NOLINTEND
