#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dns/resolver.h"
#include "dns/server.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"
#include "tests/support/netns_main.h"
#include "tests/unit/dns_fixture.h"

namespace test {

/// A fresh network namespace with addresses on its loopback, and a cluster's DNS in it.
class DnsNet {
public:
    explicit DnsNet(dns::ServerOptions options = {});

    /// Runs a command in the namespace, while the loop serves it. Throws if it takes too long.
    netemu::test::Output run(const std::string& shell_command);
    /// The same, but only what it wrote, lines sorted; must succeed.
    std::string lines(const std::string& shell_command);
    /// Runs the loop until `condition` holds; false if it does not within `seconds`.
    bool until(const std::function<bool()>& condition, int seconds = 10);

    /// A socket in the namespace, bound to `address` ("0.0.0.0:53") unless that is empty.
    static netemu::UniqueFd socket(int domain, int type, const std::string& address = {});
    static netemu::UniqueFd connected(int type, const std::string& address);

    netemu::EventLoop loop;
    dns::ClusterZone zone;
    std::shared_ptr<FakeUpstream> upstream = std::make_shared<FakeUpstream>();
    dns::Resolver resolver;
    std::unique_ptr<dns::Server> server;
};

} // namespace test
