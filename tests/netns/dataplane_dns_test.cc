#include <array>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "dns/message.h"
#include "dns/rdata.h"
#include "labctl/dataplane/client.h"
#include "tests/netns/dataplane_net.h"
#include "tests/netns/probe_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::dataplane;
using probe::Outcome;
using probe::Result;

namespace {

/// A name server of the test's own on 10.1.0.30, over UDP and TCP, on a thread: what it answers is
/// up to the test, so that it can also lie, fail and be silent. It writes down what it was asked.
class NameServer {
public:
    struct Asked {
        std::string name;
        std::string type;
        bool tcp = false;
    };
    /// False: no answer. `answer` has its number and question.
    using Script = std::function<bool(const Asked& asked, dns::Message& answer)>;

    NameServer(test::DataPlaneNet& net, Script script) : script_(std::move(script)) {
        udp_ = listener(net, SOCK_DGRAM);
        tcp_ = listener(net, SOCK_STREAM);
        BOOST_REQUIRE(::listen(tcp_.get(), 16) == 0);
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, stop_) == 0);
        thread_ = std::thread([this] { run(); });
    }
    ~NameServer() {
        ::close(stop_[0]);
        thread_.join();
        ::close(stop_[1]);
    }
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;

    [[nodiscard]] std::vector<std::string> asked() {
        const std::lock_guard lock(mutex_);
        return asked_;
    }

private:
    static netemu::UniqueFd listener(test::DataPlaneNet& net, int type) {
        auto socket = net.open_socket("real", AF_INET, type, 0);
        sockaddr_storage address{};
        const auto size = netemu::Endpoint{netemu::IpAddress(), 53}.to_sockaddr(address);
        BOOST_REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        return socket;
    }

    void run() {
        for (;;) {
            pollfd wanted[3] = {
                {stop_[1], POLLIN, 0}, {udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}};
            ::poll(wanted, 3, -1);
            if (wanted[0].revents != 0) {
                return;
            }
            if (wanted[1].revents != 0) {
                datagram();
            }
            if (wanted[2].revents != 0) {
                connection();
            }
        }
    }

    void datagram() {
        std::array<char, 4096> buffer;
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        auto* address = reinterpret_cast<sockaddr*>(&from);
        const auto got = ::recvfrom(udp_.get(), buffer.data(), buffer.size(), 0, address, &size);
        if (const auto answer = reply({buffer.data(), static_cast<std::size_t>(got)}, false);
            !answer.empty()) {
            ::sendto(udp_.get(), answer.data(), answer.size(), 0, address, size);
        }
    }

    /// Two queries at most, then the connection ends: the client needs no more.
    void connection() {
        const netemu::UniqueFd peer(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        std::array<char, 4096> buffer;
        std::string in;
        ssize_t got = 0;
        while ((got = ::recv(peer.get(), buffer.data(), buffer.size(), 0)) > 0) {
            in.append(buffer.data(), static_cast<std::size_t>(got));
            while (in.size() >= 2) {
                const auto bytes = dns::as_bytes(in);
                const auto wanted = static_cast<std::size_t>(bytes[0]) << 8U | bytes[1];
                if (in.size() < wanted + 2) {
                    break;
                }
                auto answer = reply(std::string_view(in).substr(2, wanted), true);
                in.erase(0, wanted + 2);
                answer.insert(0, 1, static_cast<char>(answer.size() & 0xffU));
                answer.insert(0, 1, static_cast<char>((answer.size() - 1) >> 8U));
                ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
            }
        }
    }

    std::string reply(std::string_view packet, bool tcp) {
        auto message = dns::decode(dns::as_bytes(packet));
        if (!message || !message->question) {
            return {};
        }
        const Asked asked{
            message->question->name.to_string(), dns::type_text(message->question->type), tcp};
        {
            const std::lock_guard lock(mutex_);
            asked_.push_back(asked.name + " " + asked.type + (tcp ? " tcp" : ""));
        }
        message->flags = dns::flag::kResponse | dns::flag::kRecursionAvailable;
        return script_(asked, *message) ? dns::encode(*message, tcp ? 65535 : 512) : std::string();
    }

    Script script_;
    netemu::UniqueFd udp_;
    netemu::UniqueFd tcp_;
    int stop_[2] = {-1, -1};
    std::mutex mutex_;
    std::vector<std::string> asked_;
    std::thread thread_;
};

dns::Record record(const std::string& text) {
    return dns::parse_record(text, dns::Name(), 30).value();
}

/// The cluster that the script plays: web.prod is x/web, the workload.
bool cluster(const NameServer::Asked& asked, dns::Message& answer) {
    const std::string web = "web.prod.svc.cluster.local.";
    if (asked.name == web) {
        if (asked.type == "A") {
            answer.answers.push_back(record(web + " 5 IN A 10.1.0.10"));
        }
    } else if (asked.name == "alias.prod.svc.cluster.local.") {
        answer.answers.push_back(record(asked.name + " 5 IN CNAME " + web));
        answer.answers.push_back(record(web + " 5 IN A 10.1.0.10"));
    } else if (asked.name == "six.prod.svc.cluster.local.") {
        if (asked.type == "AAAA") {
            answer.answers.push_back(record(asked.name + " 5 IN AAAA fd00::10"));
        }
    } else if (asked.name == "big.prod.svc.cluster.local.") {
        for (int i = 0; i < 100 && asked.type == "A"; ++i) {
            answer.answers.push_back(
                record(asked.name + " 5 IN A 10.1.1." + std::to_string(i + 1)));
        }
    } else if (asked.name.starts_with("fail.")) {
        answer.rcode = dns::Rcode::ServFail;
    } else if (asked.name.starts_with("silent.")) {
        return false;
    } else {
        answer.rcode = dns::Rcode::NxDomain;
    }
    return true;
}

/// With the name server in `real`.
struct DnsFixture : probe_net::ProbeFixture {
    std::unique_ptr<NameServer> server;

    explicit DnsFixture(NameServer::Script script = cluster)
        : server(std::make_unique<NameServer>(net, std::move(script))) {}

    static ResolvedRequest request(const std::string& to, const std::string& nameserver) {
        ResolvedRequest resolved;
        resolved.request.id = to;
        resolved.request.from = "x/a";
        resolved.request.to = probe::Target::parse(to);
        resolved.request.timeout_ms = 500;
        resolved.ns = "pod/x/a";
        resolved.port = resolved.request.to.scheme == probe::Scheme::Udp ? 81 : 80;
        auto& lookup = resolved.lookup.emplace();
        lookup.name = resolved.request.to.host;
        lookup.types = {"A", "AAAA"};
        if (resolved.request.to.scheme == probe::Scheme::Dns) {
            lookup.types = {resolved.request.to.dns.type};
            lookup.tcp = resolved.request.to.dns.tcp;
        }
        dns::ResolvConf conf;
        conf.nameservers = {nameserver};
        conf.searches = {"x.svc.cluster.local", "svc.cluster.local", "cluster.local"};
        conf.options = {"ndots:5"};
        BOOST_REQUIRE(lookup.use_nameservers_of(conf));
        return resolved;
    }

    std::vector<Result> run(std::vector<ResolvedRequest> requests, bool sequential = false) {
        return ProbeFixture::run(std::move(requests), sequential);
    }

    Result run(const std::string& to, const std::string& nameserver = "10.1.0.30") {
        const auto result = run(std::vector<ResolvedRequest>{request(to, nameserver)}).at(0);
        BOOST_TEST_MESSAGE(
            to << ": " << to_string(result.first.outcome) << " " << result.first.rcode << " "
               << result.first.error);
        return result;
    }

    void expect_failure(const std::string& to, const std::string& rcode, const std::string& error) {
        const auto result = run(to);
        BOOST_TEST(to_string(result.first.outcome) == "dns-error", to);
        BOOST_TEST(result.first.rcode == rcode, to);
        BOOST_TEST(result.first.error.find(error) != std::string::npos, result.first.error);
        BOOST_TEST(result.resolved.empty());
        BOOST_TEST(result.attempts == 1U);
    }
};

/// Processor time of a process in seconds (proc(5)).
double cpu_time_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    std::string skipped;
    for (int i = 3; i < 14; ++i) {
        fields >> skipped;
    }
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_name_is_searched_for_and_then_probed, DnsFixture) {
    for (const std::string to :
         {"tcp://web.prod:80", "http://web.prod/", "udp://web.prod:81", "icmp://web.prod"}) {
        const auto result = run(to);
        BOOST_TEST(to_string(result.first.outcome) == "ok", result.first.error);
        BOOST_TEST(result.resolved == "10.1.0.10");
        BOOST_TEST(result.first.remote.starts_with("10.1.0.10"));
        BOOST_TEST((to.starts_with("icmp") || result.first.backend == "x/web"), to);
    }
    // One suffix fails, the next one is it; A and AAAA leave together.
    const auto asked = server->asked();
    BOOST_REQUIRE(asked.size() == 16U);
    const std::vector<std::string> first(asked.begin(), asked.begin() + 4);
    const std::vector<std::string> wanted = {
        "web.prod.x.svc.cluster.local. A",
        "web.prod.x.svc.cluster.local. AAAA",
        "web.prod.svc.cluster.local. A",
        "web.prod.svc.cluster.local. AAAA"};
    BOOST_TEST(first == wanted, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(ndots_and_the_final_dot_decide_what_is_asked, DnsFixture) {
    auto few = request("dns://web.prod.svc.cluster.local", "10.1.0.30");
    few.lookup->conf.options = {"ndots:2"};
    BOOST_TEST(to_string(run({few}).at(0).first.outcome) == "ok");
    BOOST_TEST(server->asked() == std::vector<std::string>{"web.prod.svc.cluster.local. A"});
    BOOST_TEST(to_string(run("dns://web.prod.").first.outcome) == "dns-error");
    BOOST_TEST(server->asked().size() == 2U);
    BOOST_TEST(server->asked().back() == "web.prod. A");
}

BOOST_FIXTURE_TEST_CASE(failures_say_what_was_asked, DnsFixture) {
    expect_failure(
        "tcp://gone:80",
        "NXDOMAIN",
        "x/a: cannot resolve gone: NXDOMAIN: 10.1.0.30 was asked for A+AAAA of "
        "gone.x.svc.cluster.local, gone.svc.cluster.local, gone.cluster.local, gone");
    expect_failure("tcp://fail:80", "SERVFAIL", "SERVFAIL");
    expect_failure("tcp://silent:80", "timeout", "no answer within 500 ms");
    expect_failure("dns://silent", "timeout", "10.1.0.30 was asked for A of silent.x.svc");
    const auto refused = run("tcp://web.prod:80", "10.1.0.20"); // nothing listens there
    BOOST_TEST(to_string(refused.first.outcome) == "dns-error");
    BOOST_TEST(refused.first.rcode == "unreachable");
    BOOST_TEST(refused.first.error.find("Connection refused") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(the_next_server_is_asked_when_one_refuses, DnsFixture) {
    auto wanted = request("dns://web.prod", "10.1.0.20");
    wanted.lookup->servers.push_back({*netemu::IpAddress::parse("10.1.0.30"), kDnsPort});
    const auto result = run({wanted}).at(0);
    BOOST_TEST(to_string(result.first.outcome) == "ok", result.first.error);
}

// What a server that refuses leaves in its socket's error queue must not keep the loop awake.
BOOST_FIXTURE_TEST_CASE(waiting_for_the_next_server_costs_nothing, DnsFixture) {
    auto wanted = request("dns://silent.", "10.1.0.20");
    wanted.lookup->servers.push_back({*netemu::IpAddress::parse("10.1.0.30"), kDnsPort});
    wanted.lookup->types = {"A", "AAAA"};
    wanted.request.timeout_ms = 3000;
    const auto before = cpu_time_of(plane.pid());
    const auto result = run({wanted}).at(0);
    BOOST_TEST(result.first.rcode == "timeout", result.first.error);
    BOOST_TEST(cpu_time_of(plane.pid()) - before < 0.5);
}

BOOST_FIXTURE_TEST_CASE(answers_of_a_dns_probe, DnsFixture) {
    const auto alias = run("dns://alias.prod");
    BOOST_TEST(alias.first.rcode == "NOERROR");
    BOOST_REQUIRE(alias.first.answers.size() == 2U);
    BOOST_TEST(alias.first.answers[0].type == "CNAME");
    BOOST_TEST(alias.first.answers[0].data == "web.prod.svc.cluster.local.");
    BOOST_TEST(alias.first.answers[1].data == "10.1.0.10");
    BOOST_TEST(alias.first.answers[1].ttl == 5U);
    const auto none = run("dns://web.prod.svc.cluster.local.?type=SRV");
    BOOST_TEST(to_string(none.first.outcome) == "ok", none.first.error);
    BOOST_TEST(none.first.rcode == "NOERROR");
    BOOST_TEST(none.first.answers.empty());
    BOOST_TEST(to_string(run("dns://web.prod?type=ANY").first.outcome) == "ok");
}

BOOST_FIXTURE_TEST_CASE(a_name_with_nothing_but_ipv6, DnsFixture) {
    const auto result = run("tcp://six.prod:80");
    BOOST_TEST(to_string(result.first.outcome) == "ok", result.first.error);
    BOOST_TEST(result.resolved == "fd00::10");
    BOOST_TEST(result.first.remote == "[fd00::10]:80");
}

BOOST_FIXTURE_TEST_CASE(a_truncated_answer_is_asked_for_over_tcp, DnsFixture) {
    const auto result = run("dns://big.prod.svc.cluster.local.");
    BOOST_TEST(to_string(result.first.outcome) == "ok", result.first.error);
    BOOST_TEST(result.first.answers.size() == 100U);
    const std::vector<std::string> wanted = {
        "big.prod.svc.cluster.local. A", "big.prod.svc.cluster.local. A tcp"};
    BOOST_TEST(server->asked() == wanted, boost::test_tools::per_element());
    const auto tcp = run("dns://web.prod?tcp=true");
    BOOST_TEST(to_string(tcp.first.outcome) == "ok", tcp.first.error);
    BOOST_TEST(server->asked().back() == "web.prod.svc.cluster.local. A tcp");
}

BOOST_FIXTURE_TEST_CASE(probes_to_one_name_share_the_look_up, DnsFixture) {
    std::vector<ResolvedRequest> requests(200, request("tcp://web.prod:80", "10.1.0.30"));
    requests[7].request.count = 5;
    requests.push_back(request("tcp://gone.:80", "10.1.0.30"));
    for (auto& each : requests) {
        each.request.timeout_ms = 20'000; // two hundred at once, on a machine that has more to do
    }
    const std::map<std::string, std::uint32_t> one{{"ok", 1}};
    const std::map<std::string, std::uint32_t> five{{"ok", 5}};
    for (const bool sequential : {false, true}) {
        const auto before = server->asked().size();
        const auto results = run(requests, sequential);
        BOOST_TEST((results[0].outcomes == one), results[0].first.error);
        BOOST_TEST((results[7].outcomes == five), results[7].first.error);
        BOOST_TEST((results[199].outcomes == one), results[199].first.error);
        BOOST_TEST(results[199].resolved == "10.1.0.10");
        BOOST_TEST(results[200].first.rcode == "NXDOMAIN");
        BOOST_TEST(server->asked().size() - before == 6U);
    }
}
// NOLINTEND
