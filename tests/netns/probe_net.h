#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/client.h"
#include "tests/netns/dataplane_net.h"

/// What tests of probes share: a data plane, who probes, and who answers.
// NOLINTBEGIN: Boost.Test's macros
namespace probe_net {

using namespace labctl;
using namespace labctl::dataplane;
using probe::Outcome;
using probe::Result;

/// Pods x/web (10.1.0.10: 80 tcp, 81 udp, served) and x/a (the client), and `real`, which serves
/// nothing of ours.
struct ProbeFixture {
    test::DataPlaneNet net;
    netemu::EventLoop loop;
    DataPlane plane{loop, test::data_plane_options(net)};

    ProbeFixture() {
        net.add("pod/x/web", {"10.1.0.10/16", "fd00::10/64"});
        net.add("pod/x/a", {"10.1.0.20/16", "fd00::20/64"});
        net.add("real", {"10.1.0.30/16", "fd00::30/64"});
        plane.start();
        bool ready = false;
        plane.on_ready([&ready](const std::string&) { ready = true; });
        plane.serve(WorkloadSpec{
            "pod/x/web", "x", "web", "node-1", {{80, Protocol::Tcp, ""}, {81, Protocol::Udp, ""}}});
        BOOST_REQUIRE(test::run_until(loop, [&] { return ready; }));
    }

    static ResolvedRequest request(const std::string& to) {
        ResolvedRequest resolved;
        resolved.request.id = to;
        resolved.request.from = "x/a";
        resolved.request.to = probe::Target::parse(to);
        resolved.request.timeout_ms = 300;
        resolved.ns = "pod/x/a";
        resolved.address = netemu::IpAddress::parse(resolved.request.to.host).value();
        const auto& port = resolved.request.to.port;
        resolved.port = static_cast<std::uint16_t>(port.empty() ? 80 : std::stoi(port));
        if (resolved.request.to.scheme == probe::Scheme::Icmp) {
            resolved.port = 0;
        }
        return resolved;
    }

    std::vector<Result> run(std::vector<ResolvedRequest> requests, bool sequential = false) {
        std::vector<Result> results;
        bool done = false;
        plane.probe(std::move(requests), sequential, [&](std::vector<Result> got) {
            results = std::move(got);
            done = true;
        });
        BOOST_REQUIRE(test::run_until(
            loop, [&] { return done; }, 30));
        return results;
    }

    Result run(const ResolvedRequest& one) { return run(std::vector<ResolvedRequest>{one}).at(0); }
    Result run(const std::string& to) { return run(request(to)); }

    void expect(const std::string& to, Outcome outcome, const std::string& error) {
        const auto result = run(to);
        BOOST_TEST_MESSAGE(
            to << ": " << to_string(result.first.outcome) << " " << result.first.error);
        BOOST_TEST(to_string(result.first.outcome) == to_string(outcome), to);
        BOOST_TEST(result.first.error.find(error) != std::string::npos, result.first.error);
    }
};

/// A server that is not ours, on a thread of the test: what it does with each connection is up to
/// the test.
class Server {
public:
    Server(ProbeFixture& fixture, std::uint16_t port, std::function<void(int connection)> serve)
        : socket_(fixture.net.open_socket("real", AF_INET, SOCK_STREAM, 0)),
          serve_(std::move(serve)) {
        sockaddr_storage address{};
        const auto size = netemu::Endpoint{netemu::IpAddress(), port}.to_sockaddr(address);
        BOOST_REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        BOOST_REQUIRE(::listen(socket_.get(), 16) == 0);
        thread_ = std::thread([this] { run(); });
    }
    ~Server() {
        ::shutdown(socket_.get(), SHUT_RDWR); // accept returns
        thread_.join();
    }

private:
    void run() {
        for (;;) {
            netemu::UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!connection) {
                return;
            }
            serve_(connection.get());
            open_.push_back(std::move(connection));
        }
    }

    netemu::UniqueFd socket_;
    std::function<void(int)> serve_;
    std::vector<netemu::UniqueFd> open_; // connections stay open unless `serve_` has shut them
    std::thread thread_;
};

inline void read_some(int connection) {
    char buffer[4096];
    (void)!::recv(connection, buffer, sizeof buffer, 0);
}

} // namespace probe_net
// NOLINTEND
