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
#include "tests/netns/dataplane_net.h"

namespace test {

/// What the child's memory may grow by besides: AddressSanitizer keeps for a while what is given
/// back.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr long kKeptKib = 600'000;
#else
inline constexpr long kKeptKib = 0;
#endif

/// A blocking client's socket.
class TestClient {
public:
    explicit TestClient(netemu::UniqueFd socket) : socket_(std::move(socket)) {}

    /// False if the connection breaks.
    // NOLINTNEXTLINE(modernize-use-nodiscard): often for its effect
    bool send(std::string_view bytes);
    void finish() const;
    void reset(); // closes it with RST
    void close() { socket_.reset(); }
    [[nodiscard]] int fd() const { return socket_.get(); }
    /// What comes next; "" at the end, however it ends.
    std::string some(int seconds = 10);
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
    bool broken_ = false; // `send` has been told of it: nobody else is
};

/// A data plane with proxying pods, whose loop has a thread of its own, so that tests can wait; and
/// real endpoints.
class ServedNet {
public:
    ServedNet() = default;
    ServedNet(const ServedNet&) = delete;
    ServedNet& operator=(const ServedNet&) = delete;
    ~ServedNet();

    /// Runs it in the loop's thread, and waits for it.
    void on_loop(const std::function<void()>& what);
    std::vector<std::string> logs(
        const std::string& pod,
        labctl::dataplane::DataPlane::LogOf whose = labctl::dataplane::DataPlane::LogOf::Workload);
    /// A connection from a namespace; throws if it is refused.
    [[nodiscard]] TestClient dial(const std::string& ns, const netemu::Endpoint& to) const;
    /// How often the endpoint was asked for this, as /seen says it; "connections" too.
    [[nodiscard]] long
    seen_at(const std::string& from, const std::string& endpoint, const std::string& what) const;
    [[nodiscard]] long child_kib(const std::string& what = "VmRSS") const;
    [[nodiscard]] std::size_t child_descriptors() const;
    [[nodiscard]] long cpu_ticks() const; // of the child, so far
    pid_t pid();                          // of the child: for `on_loop`

    /// Begins a script of this folder, with its words, and waits for its port.
    void start_server(
        const std::string& ns,
        const std::string& script,
        const std::string& words,
        std::uint16_t port);

    DataPlaneNet net;
    pid_t child = -1;

protected:
    /// Starts the data plane; `begin` is called in its thread, and has so many pods served.
    void start(const std::function<void()>& begin, int pods);
    labctl::dataplane::DataPlane& plane() { return *plane_; }

private:
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

netemu::Endpoint endpoint_of(const std::string& address, std::uint16_t port);

} // namespace test
