#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/bgp_speakers.h"
#include "labctl/supervisor/bird_text.h"
#include "labctl/supervisor/process_pod.h"
#include "netemu/base/event_loop.h"
#include "netemu/kernel/kernel.h"

namespace labctl::supervisor {

/// The routing daemons of a lab: one BIRD for each speaker, in the sandbox of its node, with its
/// configuration and control socket in a folder of the run directory that is /run/bird there. One
/// that ends is started again. Whether the routes have come is what the kernel says, which tells of
/// each change. Belongs to the supervisor's loop.
class Bgp {
public:
    struct Parts {
        netemu::EventLoop& loop;
        netemu::Kernel& kernel;
        std::string run_dir;
        /// The sandbox of a namespace, made if there is none.
        std::function<Sandbox&(const std::string& ns)> sandbox;
        /// Makes those of many at the same time.
        std::function<void(const std::vector<std::string>& names)> make_sandboxes;
        /// Called when the last route that was missing is there.
        std::function<void()> converged;
        /// What people should know of a speaker: for the events of its node.
        std::function<void(const std::string& speaker, const char* reason, const std::string& text)>
            tell;
    };

    explicit Bgp(Parts parts);
    Bgp(const Bgp&) = delete;
    Bgp& operator=(const Bgp&) = delete;
    ~Bgp();

    /// Throws netemu::UnsupportedError, naming the package, where BIRD 2 is not installed.
    static void require_bird();
    /// The folder of a speaker, by its network namespace.
    [[nodiscard]] static std::string directory(const std::string& run_dir, const std::string& ns);

    /// Starts those that are new, and has those whose configuration differs read it. The namespaces
    /// must exist. Throws netemu::Error when one cannot be started.
    void update(std::vector<compile::BgpSpeaker> speakers);
    /// Process 1 of that sandbox is gone, and BIRD with it.
    void sandbox_gone(const std::string& ns);

    /// Whether the kernel has the routes that all sessions together bring, and no others.
    [[nodiscard]] bool is_converged() const { return lacking_.empty(); }
    /// What is missing, for each namespace: "10.244.2.0/24 via 172.18.0.3".
    [[nodiscard]] std::map<std::string, std::string> pending() const;
    /// Calls back once, when the routes are as they should be or at the deadline.
    void when_converged(std::chrono::milliseconds patience, std::function<void()> callback);

    [[nodiscard]] const std::vector<compile::BgpSpeaker>& speakers() const { return speakers_; }
    /// {"speakers", "sessions", "established", "converged", "firstConvergedMicros"}: without asking
    /// anybody. The last is the time from the start of the first BIRD until all routes were there.
    [[nodiscard]] api::Json summary() const;
    /// {"sessions": [...], "routes": [...], "errors": {...}} as BIRD says it; waits for it.
    [[nodiscard]] api::Json describe() const;
    /// What each BIRD says of itself, by namespace; those that do not answer are left out.
    [[nodiscard]] std::map<std::string, BirdView> views() const;
    /// The log of the speaker in that namespace, or nothing.
    [[nodiscard]] LogBuffer* logs(const std::string& ns);

private:
    struct Daemon;
    struct Waiter {
        std::function<void()> callback;
        netemu::EventLoop::TimerId timer = 0;
    };

    void prepare(const compile::BgpSpeaker& speaker);
    void start(Daemon& daemon);
    void reconfigure();
    void look_again(const std::string& ns);
    void compare();
    void process_changed(const std::string& ns, const ProcessState& state);
    void printed(const std::string& ns, std::string_view text);
    void session_changed(Daemon& daemon, const std::string& protocol, bool up);
    void finish_waiting();

    Parts parts_;
    std::vector<compile::BgpSpeaker> speakers_;
    std::map<std::string, std::unique_ptr<Daemon>> daemons_; // by namespace
    std::map<std::string, std::vector<netemu::RouteSpec>> expected_;
    std::map<std::string, std::string> lacking_; // by namespace, what
    netemu::Clock::time_point begun_{};          // when the first was started
    std::uint64_t first_converged_us_ = 0;       // 0: not yet
    std::set<std::string> dirty_;                // namespaces whose routes have changed
    netemu::EventLoop::TimerId compare_timer_ = 0;
    std::set<std::string> unconfigured_; // that have not read their configuration yet
    netemu::EventLoop::TimerId configure_timer_ = 0;
    std::map<std::size_t, Waiter> waiting_;
    std::size_t next_waiter_ = 0;
};

} // namespace labctl::supervisor
