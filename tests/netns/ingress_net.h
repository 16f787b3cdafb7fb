#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "labctl/dataplane/client.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"
#include "services/ingress.h"
#include "tests/netns/dataplane_net.h"

namespace test {

/// A blocking client's socket.
class IngressClient {
public:
    explicit IngressClient(netemu::UniqueFd socket) : socket_(std::move(socket)) {}

    /// False if the connection breaks.
    // NOLINTNEXTLINE(modernize-use-nodiscard): often for its effect
    bool send(std::string_view bytes) const;
    void finish() const;
    void reset(); // closes it with RST
    void close() { socket_.reset(); }
    [[nodiscard]] int fd() const { return socket_.get(); }
    /// What comes, until it holds `text` or nothing more comes (for `seconds`).
    std::string until(std::string_view text, int seconds = 10);
    /// One response: head, and a body by its content-length.
    std::string response(bool head_only = false);
    /// All until the connection ends; "TIMEOUT" or "RESET" behind it if it does not in good order.
    std::string rest(int seconds = 10);

private:
    bool more(int seconds);

    netemu::UniqueFd socket_;
    std::string held_;
    std::string end_;
};

/// An Ingress controller, in/ctl on 10.1.0.10 and fd00::10, ports 80 and 443; built-in workloads
/// x/w1 and x/w2; tests/netns/ingress_server.py on 10.1.0.31 and .32, port 8080, called r1 and r2;
/// and a client's namespace. The data plane's loop has a thread of its own, so that tests can wait.
class IngressNet {
public:
    IngressNet();
    IngressNet(const IngressNet&) = delete;
    IngressNet& operator=(const IngressNet&) = delete;
    ~IngressNet();

    /// Runs it in the loop's thread, and waits for it.
    void on_loop(const std::function<void()>& what);
    void change(const services::IngressTable& changed);
    /// Ends the controller's pod and begins another.
    void serve_controller_again();
    std::vector<std::string> logs();

    IngressClient connect(int port = 80, bool v6 = false);
    /// On a connection of its own, which it closes: all that is answered.
    std::string ask(std::string_view bytes, int port = 80);
    std::string get(const std::string& path, const std::string& host = "real");
    Command curl(const std::string& arguments);
    Command client(const std::string& command) { return net.run("client", command); }
    /// How often the endpoint was asked for this, as /seen says it; "connections" too.
    long seen(const std::string& what, const std::string& endpoint = "10.1.0.31");
    long child_kib(const std::string& what = "VmRSS");

    long cpu_ticks(); // of the child, so far
    pid_t pid();      // of the child: for `on_loop`

    static std::string pem(const std::string& name);

    DataPlaneNet net;
    services::IngressTable table; // what the controller begins with
    pid_t child = -1;

private:
    void serve_controller();
    void start_endpoint(const std::string& ns, const std::string& name);

    std::vector<int> servers_;
    std::mutex mutex_;
    std::vector<std::function<void()>> tasks_;
    std::atomic<bool> over_{false};
    labctl::dataplane::DataPlane* plane_ = nullptr;
    std::thread thread_;
};

/// A GET with a Host field.
std::string get_request(const std::string& path, const std::string& host = "real");

/// The status of a response, 0 if it is none.
int status_of(const std::string& response);
std::string body_of(const std::string& response);
/// A field's value, "" if there is none; the name in lower case.
std::string field_of(const std::string& response, const std::string& name);

/// A table with one host, "real", all of whose paths lead to these.
services::IngressTable one_backend(const std::vector<std::string>& endpoints);
netemu::Endpoint endpoint_of(const std::string& address, std::uint16_t port);

} // namespace test
