#define BOOST_TEST_NO_MAIN
/// The forwarder against upstreams that we play, well-behaved and not.
#include <array>
#include <set>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "dns/forwarder.h"
#include "dns/rdata.h"
#include "tests/netns/dns_net.h"

using namespace test;

namespace {

/// A server at one address that does with each query what it is told.
class Upstream {
public:
    using Answer = std::function<std::vector<dns::Message>(const dns::Message& query, bool tcp)>;

    Upstream(netemu::EventLoop& loop, const std::string& address, Answer answer)
        : loop_(loop), answer_(std::move(answer)),
          udp_(DnsNet::socket(AF_INET, SOCK_DGRAM, address)),
          tcp_(DnsNet::socket(AF_INET, SOCK_STREAM, address)) {
        loop_.add(udp_.get(), EPOLLIN, [this](std::uint32_t) { datagram(); });
        loop_.add(tcp_.get(), EPOLLIN, [this](std::uint32_t) { connection(); });
    }
    Upstream(const Upstream&) = delete;
    Upstream& operator=(const Upstream&) = delete;
    ~Upstream() {
        loop_.remove(udp_.get());
        loop_.remove(tcp_.get());
    }

    std::vector<dns::Message> seen;
    std::set<std::uint16_t> ports;
    std::size_t tcp_queries = 0;

private:
    void datagram() {
        std::array<char, 4096> buffer;
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        const auto length = ::recvfrom(
            udp_.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        ports.insert(netemu::Endpoint::from_sockaddr(from).port);
        const auto query =
            dns::decode(dns::as_bytes({buffer.data(), static_cast<std::size_t>(length)})).value();
        seen.push_back(query);
        for (const auto& answer : answer_(query, false)) {
            const auto wire = dns::encode(answer);
            (void)::sendto(
                udp_.get(), wire.data(), wire.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
        }
    }

    void connection() {
        auto fd = std::make_shared<netemu::UniqueFd>(
            ::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        loop_.add(fd->get(), EPOLLIN, [this, fd](std::uint32_t) {
            loop_.remove(fd->get());
            stream(*fd);
        });
    }

    void stream(const netemu::UniqueFd& fd) {
        std::array<char, 4096> buffer;
        const auto length = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
        if (length < 14) {
            return;
        }
        ++tcp_queries;
        const auto query =
            dns::decode(dns::as_bytes({buffer.data() + 2, static_cast<std::size_t>(length) - 2}))
                .value();
        for (const auto& answer : answer_(query, true)) {
            const auto wire = dns::encode(answer);
            const std::string head{
                static_cast<char>(wire.size() >> 8U), static_cast<char>(wire.size())};
            (void)::send(fd.get(), (head + wire).data(), wire.size() + 2, MSG_NOSIGNAL);
        }
    }

    netemu::EventLoop& loop_;
    Answer answer_;
    netemu::UniqueFd udp_;
    netemu::UniqueFd tcp_;
};

dns::Message reply(const dns::Message& query, const char* address) {
    dns::Message answer = query;
    answer.flags |=
        dns::flag::kResponse | dns::flag::kRecursionAvailable | dns::flag::kAuthenticData;
    answer.answers.push_back({query.question->name, 1, 1, 60, dns::address_rdata(ip(address))});
    return answer;
}

dns::Message failure(const dns::Message& query, dns::Rcode rcode) {
    auto answer = query;
    answer.flags |= dns::flag::kResponse;
    answer.rcode = rcode;
    return answer;
}

struct Forwarding {
    explicit Forwarding(const std::vector<std::string>& upstreams) {
        for (const auto& address : upstreams) {
            options.upstreams.push_back(netemu::Endpoint::parse(address).value());
        }
        options.policy = dns::ForwardConfig::Policy::Sequential;
        options.timeout = std::chrono::milliseconds(300);
        options.total = std::chrono::milliseconds(1500);
    }

    dns::Forwarder& forwarder() {
        if (!made) {
            made = std::make_unique<dns::Forwarder>(
                net.loop,
                [this](int domain, int type) {
                    ++sockets;
                    return no_sockets ? netemu::UniqueFd{} : DnsNet::socket(domain, type);
                },
                options);
        }
        return *made;
    }

    dns::Message ask(dns::Transport transport = dns::Transport::Udp) {
        std::optional<dns::Message> result;
        forwarder().query(
            {{name("wWw.example.com"), 1}, false, false, transport},
            [&result](dns::Message message) { result = std::move(message); });
        BOOST_REQUIRE(net.until([&result]() { return result.has_value(); }, 5));
        return *result;
    }

    DnsNet net;
    dns::ForwarderOptions options;
    std::unique_ptr<dns::Forwarder> made;
    int sockets = 0;
    bool no_sockets = false;
};

constexpr const char* kOne = "127.0.0.1:5301";
constexpr const char* kTwo = "127.0.0.2:5301";

} // namespace

BOOST_AUTO_TEST_SUITE(dns_forwarder)

BOOST_AUTO_TEST_CASE(an_answer) {
    Forwarding forwarding({kOne});
    Upstream one(forwarding.net.loop, kOne, [](const auto& query, bool) {
        return std::vector{reply(query, "192.0.2.1")};
    });
    for (int i = 0; i < 20; ++i) {
        const auto message = forwarding.ask();
        BOOST_TEST(brief(message) == "A 192.0.2.1");
        BOOST_TEST(!message.has(dns::flag::kAuthenticData)); // nothing was validated
        BOOST_TEST(message.question->name.to_string() == "wWw.example.com.");
    }
    std::set<std::uint16_t> ids;
    for (const auto& query : one.seen) {
        ids.insert(query.id);
        BOOST_TEST(query.has(dns::flag::kRecursionDesired));
        BOOST_TEST(query.edns->udp_size == 1232U);
    }
    BOOST_TEST(ids.size() > 15U);       // RFC 5452: a new id
    BOOST_TEST(one.ports.size() > 15U); // and a new port for each
    BOOST_TEST(forwarding.forwarder().in_flight() == 0U);
}

BOOST_AUTO_TEST_CASE(truncated_answers_come_over_tcp) {
    Forwarding forwarding({kOne});
    Upstream one(forwarding.net.loop, kOne, [](const auto& query, bool tcp) {
        auto cut = failure(query, dns::Rcode::NoError);
        cut.flags |= dns::flag::kTruncated;
        return std::vector{tcp ? reply(query, "192.0.2.2") : cut};
    });
    BOOST_TEST(brief(forwarding.ask()) == "A 192.0.2.2");
    BOOST_TEST(one.tcp_queries == 1U);
    BOOST_TEST(brief(forwarding.ask(dns::Transport::Tcp)) == "A 192.0.2.2");
    BOOST_TEST(one.seen.size() == 1U); // a TCP client's question goes over TCP at once
}

BOOST_AUTO_TEST_CASE(force_tcp) {
    Forwarding forwarding({kOne});
    forwarding.options.force_tcp = true;
    Upstream one(forwarding.net.loop, kOne, [](const auto& query, bool) {
        return std::vector{reply(query, "192.0.2.2")};
    });
    BOOST_TEST(brief(forwarding.ask()) == "A 192.0.2.2");
    BOOST_TEST(one.seen.empty());
}

// As coredns' plugin forward: who answers has answered, whatever the rcode.
BOOST_AUTO_TEST_CASE(rcodes_are_passed_on) {
    for (const auto rcode :
         {dns::Rcode::ServFail, dns::Rcode::Refused, dns::Rcode::NotImp, dns::Rcode::NxDomain}) {
        Forwarding forwarding({kOne, kTwo});
        Upstream one(forwarding.net.loop, kOne, [rcode](const auto& query, bool) {
            return std::vector{failure(query, rcode)};
        });
        Upstream two(forwarding.net.loop, kTwo, [](const auto& query, bool) {
            return std::vector{reply(query, "192.0.2.2")};
        });
        const auto message = forwarding.ask();
        BOOST_TEST((message.rcode == rcode));
        BOOST_TEST(message.origin.upstream.to_string() == kOne);
        BOOST_TEST(two.seen.empty());
    }
}

BOOST_AUTO_TEST_CASE(the_next_one_is_asked) {
    // Nobody listens at the first: the ICMP error is enough.
    Forwarding refused({kOne, kTwo});
    Upstream two(refused.net.loop, kTwo, [](const auto& query, bool) {
        return std::vector{reply(query, "192.0.2.2")};
    });
    BOOST_TEST(brief(refused.ask()) == "A 192.0.2.2");
    // The first one is silent: its time is over, then.
    Forwarding silent({"127.0.0.3:5301", kTwo});
    Upstream three(silent.net.loop, "127.0.0.3:5301", [](const auto&, bool) {
        return std::vector<dns::Message>{};
    });
    Upstream again(silent.net.loop, kTwo, [](const auto& query, bool) {
        return std::vector{reply(query, "192.0.2.3")};
    });
    BOOST_TEST(brief(silent.ask()) == "A 192.0.2.3");
}

// As coredns' forward: after two seconds each, three times in the five seconds that there are.
BOOST_AUTO_TEST_CASE(a_silent_one_is_asked_again) {
    Forwarding forwarding({kOne});
    std::vector<dns::Message> seen;
    Upstream one(forwarding.net.loop, kOne, [&seen](const auto& query, bool) {
        seen.push_back(query);
        return seen.size() < 3 ? std::vector<dns::Message>{}
                               : std::vector{reply(query, "192.0.2.1")};
    });
    BOOST_TEST(brief(forwarding.ask()) == "A 192.0.2.1");
    BOOST_REQUIRE(seen.size() == 3U);
    BOOST_TEST((seen[0].id != seen[1].id || seen[1].id != seen[2].id)); // each of its own
}

BOOST_AUTO_TEST_CASE(answers_that_do_not_count) {
    Forwarding forwarding({kOne});
    int kind = 0;
    Upstream one(forwarding.net.loop, kOne, [&kind](const auto& query, bool) {
        auto wrong = reply(query, "192.0.2.66");
        switch (kind) {
        case 0:
            wrong.id ^= 1;
            break;
        case 1:
            wrong.question->name = name("evil.example.com");
            break;
        case 2:
            wrong.question->type = 28;
            break;
        default:
            return std::vector<dns::Message>{}; // silence
        }
        return std::vector{wrong, reply(query, "192.0.2.1")};
    });
    for (; kind < 3; ++kind) {
        BOOST_TEST(brief(forwarding.ask()) == "A 192.0.2.1");
    }
    BOOST_TEST(brief(forwarding.ask()) == "SERVFAIL");
}

// What comes when nobody waits any more is nobody's answer: not of the question that it is for,
// which has ended, and not of the next one.
BOOST_AUTO_TEST_CASE(late_answers_find_nobody) {
    Forwarding forwarding({kOne});
    forwarding.options.rounds = 1;
    std::vector<dns::Message> held;
    bool late = false;
    Upstream one(forwarding.net.loop, kOne, [&](const auto& query, bool) {
        std::vector<dns::Message> answers;
        for (const auto& old : late ? held : std::vector<dns::Message>{}) {
            answers.push_back(reply(old, "192.0.2.66"));
        }
        if (late) {
            answers.push_back(reply(query, "192.0.2.1"));
        }
        held.push_back(query);
        return answers;
    });
    const auto start = netemu::Clock::now();
    BOOST_TEST(brief(forwarding.ask()) == "SERVFAIL");
    BOOST_TEST(netemu::micros_since(start) < 2500000U);
    BOOST_TEST(forwarding.forwarder().in_flight() == 0U);
    BOOST_REQUIRE(held.size() == 1U);
    late = true;
    BOOST_TEST(brief(forwarding.ask()) == "A 192.0.2.1");
}

BOOST_AUTO_TEST_CASE(servers_from_before_edns) {
    Forwarding forwarding({kOne});
    Upstream one(forwarding.net.loop, kOne, [](const auto& query, bool) {
        auto old = failure(query, dns::Rcode::FormErr);
        old.edns.reset();
        return std::vector{query.edns ? old : reply(query, "192.0.2.1")};
    });
    BOOST_TEST(brief(forwarding.ask()) == "A 192.0.2.1");
}

BOOST_AUTO_TEST_CASE(limits) {
    Forwarding forwarding({kOne});
    forwarding.options.max_concurrent = 2;
    Upstream one(
        forwarding.net.loop, kOne, [](const auto&, bool) { return std::vector<dns::Message>{}; });
    std::vector<dns::Rcode> rcodes;
    for (int i = 0; i < 3; ++i) {
        forwarding.forwarder().query(
            {{name("a.example"), 1}, false, false, dns::Transport::Udp},
            [&rcodes](const dns::Message& message) { rcodes.push_back(message.rcode); });
    }
    BOOST_REQUIRE(rcodes.size() == 1U);
    BOOST_TEST((rcodes[0] == dns::Rcode::Refused));
    BOOST_TEST(forwarding.forwarder().rejected() == 1U);
    forwarding.made.reset(); // with questions on their way
    Forwarding none({});
    BOOST_TEST(brief(none.ask()) == "SERVFAIL");
    Forwarding dry({kOne});
    dry.no_sockets = true;
    BOOST_TEST(brief(dry.ask()) == "SERVFAIL");
    BOOST_TEST(dry.sockets > 0);
}

BOOST_AUTO_TEST_SUITE_END()
