#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "labctl/dataplane/client.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

/// A small network for the tests of the data plane, made with ip(8): namespaces on one bridge.
/// Everything lives in the namespaces of the test process, which has unshared itself from the
/// host's.
namespace test {

struct Command {
    int status = -1;    // of the shell
    std::string output; // standard output and error
};

class DataPlaneNet {
public:
    DataPlaneNet();

    /// A namespace with eth0, whose MAC address is that of the first of these addresses
    /// ("10.1.0.5/16", "fd00::5/64"); the bridge's own is 10.1.0.1/16 and fd00::1/64.
    void add(const std::string& ns, const std::vector<std::string>& addresses);
    [[nodiscard]] netemu::UniqueFd
    open_socket(const std::string& ns, int domain, int type, int protocol) const;
    /// Runs a shell command in the namespace and waits for it.
    [[nodiscard]] Command run(const std::string& ns, const std::string& command) const;
    /// The same, but throws unless it succeeds; returns what it wrote.
    // NOLINTNEXTLINE(modernize-use-nodiscard): often for its effect
    std::string must(const std::string& ns, const std::string& command) const;
    [[nodiscard]] labctl::dataplane::SocketFactory factory() const;

private:
    netemu::UniqueFd hub_;
    std::map<std::string, netemu::UniqueFd> namespaces_;
};

/// Runs the loop until `condition` holds; false if it does not within `seconds`.
bool run_until(netemu::EventLoop& loop, const std::function<bool()>& condition, int seconds = 10);

/// The options for a data plane whose child is this very test program.
labctl::dataplane::DataPlane::Options data_plane_options(const DataPlaneNet& net);

} // namespace test
