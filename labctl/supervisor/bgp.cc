#include "labctl/supervisor/bgp.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "labctl/compile/network_view.h"
#include "labctl/supervisor/netns_command.h"
#include "labctl/supervisor/paths.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/base/text.h"
#include "netemu/model/route_protocol.h"

namespace labctl::supervisor {

struct Bgp::Daemon {
    std::string ns;
    std::string speaker;
    std::map<std::string, std::string> peers; // of the protocols, in words
    std::string configuration;                // that is written
    std::unique_ptr<ProcessPod> process;
    netemu::UniqueFd routes; // readable when a route has changed
    std::string line;        // the last one that it printed, as far as it has come
    std::set<std::string> established;
    std::set<std::string> seen; // sessions that were up once
};

namespace {

using compile::BgpSpeaker;
using netemu::RouteSpec;

constexpr const char* kConfiguration = "/run/bird/bird.conf";
constexpr const char* kControl = "/run/bird/bird.ctl";
constexpr auto kConfigureAgain = std::chrono::milliseconds(100);
constexpr auto kConfigurePatience = std::chrono::milliseconds(1000);

void write_file(const std::string& path, const std::string& text) {
    const netemu::UniqueFd file(netemu::check_syscall(
        "write " + path, ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)));
    std::size_t done = 0;
    while (done < text.size()) {
        const auto size = ::write(file.get(), text.data() + done, text.size() - done);
        if (size <= 0) {
            throw netemu::SysError("write " + path, errno);
        }
        done += static_cast<std::size_t>(size);
    }
}

std::string bgp_route_text(const RouteSpec& route) {
    return route.destination.to_string() +
           (route.gateway ? " via " + route.gateway->to_string() : "") +
           (route.link == compile::kEth0 ? "" : " dev " + route.link);
}

std::map<std::string, std::string> session_words(const BgpSpeaker& speaker) {
    std::map<std::string, std::string> words;
    for (const auto& session : speaker.sessions) {
        words[session.protocol] = session.peer + " (" + session.address.to_string() + ")";
    }
    return words;
}

} // namespace

Bgp::Bgp(Parts parts) : parts_(std::move(parts)) {
}

Bgp::~Bgp() {
    parts_.loop.cancel(compare_timer_);
    parts_.loop.cancel(configure_timer_);
    for (const auto& [id, waiter] : waiting_) {
        parts_.loop.cancel(waiter.timer);
    }
    for (const auto& [ns, daemon] : daemons_) {
        if (daemon->routes) {
            parts_.loop.remove(daemon->routes.get());
        }
    }
}

void Bgp::require_bird() {
    if (find_program("bird").empty()) {
        throw netemu::UnsupportedError(
            "routing: bgp needs the routing daemon BIRD 2, and there is no program 'bird' here",
            "on Debian: apt-get install bird2");
    }
}

std::string Bgp::directory(const std::string& run_dir, const std::string& ns) {
    return run_dir + "/bird/" + ns;
}

void Bgp::update(std::vector<BgpSpeaker> speakers) {
    speakers_ = std::move(speakers);
    expected_ = compile::expected_bgp_routes(speakers_);
    std::vector<const BgpSpeaker*> fresh;
    for (const auto& speaker : speakers_) {
        dirty_.insert(speaker.ns);
        const auto found = daemons_.find(speaker.ns);
        if (found == daemons_.end()) {
            fresh.push_back(&speaker);
            continue;
        }
        auto& daemon = *found->second;
        auto text = compile::bird_configuration(speaker);
        if (text != daemon.configuration) {
            write_file(directory(parts_.run_dir, speaker.ns) + "/bird.conf", text);
            daemon.configuration = std::move(text);
            daemon.peers = session_words(speaker);
            unconfigured_.insert(speaker.ns);
        }
    }
    // Who reflects comes first: the others then find it listening.
    std::stable_partition(
        fresh.begin(), fresh.end(), [](const auto* speaker) { return speaker->reflects; });
    if (daemons_.empty()) {
        begun_ = netemu::Clock::now();
    }
    std::vector<std::string> names;
    for (const auto* speaker : fresh) {
        prepare(*speaker);
        names.push_back(speaker->ns);
    }
    parts_.make_sandboxes(names);
    for (const auto& ns : names) {
        start(*daemons_.at(ns));
    }
    reconfigure();
    compare();
}

void Bgp::prepare(const BgpSpeaker& speaker) {
    const auto folder = directory(parts_.run_dir, speaker.ns);
    make_directories(folder);
    auto owned = std::make_unique<Daemon>();
    auto& daemon = *owned;
    daemon.ns = speaker.ns;
    daemon.speaker = speaker.name;
    daemon.peers = session_words(speaker);
    daemon.configuration = compile::bird_configuration(speaker);
    write_file(folder + "/bird.conf", daemon.configuration);
    daemons_[speaker.ns] = std::move(owned);
    daemon.routes = parts_.kernel.watch_routes(speaker.ns);
    if (daemon.routes) {
        parts_.loop.add(daemon.routes.get(), EPOLLIN, [this, ns = speaker.ns](std::uint32_t) {
            look_again(ns);
        });
    }
}

void Bgp::start(Daemon& daemon) {
    SandboxCommand command;
    command.arguments = {"bird", "-f", "-c", kConfiguration, "-s", kControl};
    daemon.process = std::make_unique<ProcessPod>(
        parts_.loop,
        [this, ns = daemon.ns]() -> Sandbox& { return parts_.sandbox(ns); },
        std::move(command),
        "Always",
        [this, ns = daemon.ns](const ProcessState& state) { process_changed(ns, state); });
    (void)daemon.process->logs().follow(
        [this, ns = daemon.ns](std::string_view text) { printed(ns, text); });
    daemon.process->start();
}

/// One that has just been started may not listen yet; then it is asked again, since it may have
/// read the old text.
void Bgp::reconfigure() {
    parts_.loop.cancel(std::exchange(configure_timer_, 0));
    if (unconfigured_.empty()) {
        return;
    }
    std::vector<std::string> names(unconfigured_.begin(), unconfigured_.end());
    std::vector<BirdQuestion> questions;
    questions.reserve(names.size());
    for (const auto& ns : names) {
        questions.push_back({directory(parts_.run_dir, ns), {"configure"}});
    }
    const auto answers = ask_birds(questions, kConfigurePatience);
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (answers[i].error.empty() || !answers[i].lines.empty()) {
            unconfigured_.erase(names[i]);
        }
        if (!answers[i].error.empty() && !answers[i].lines.empty()) {
            parts_.tell(daemons_.at(names[i])->speaker, "BirdRefused", answers[i].error);
        }
    }
    if (!unconfigured_.empty()) {
        configure_timer_ = parts_.loop.after(kConfigureAgain, [this] {
            configure_timer_ = 0;
            reconfigure();
        });
    }
}

void Bgp::sandbox_gone(const std::string& ns) {
    if (const auto found = daemons_.find(ns); found != daemons_.end() && found->second->process) {
        found->second->process->killed();
    }
}

/// Reads the socket empty; what it says is not looked at, since a look at the routes says more.
void Bgp::look_again(const std::string& ns) {
    const int fd = daemons_.at(ns)->routes.get();
    std::array<char, 16U << 10U> buffer{};
    while (::recv(fd, buffer.data(), buffer.size(), 0) > 0 || errno == ENOBUFS) {
    }
    dirty_.insert(ns);
    if (compare_timer_ == 0) {
        compare_timer_ = parts_.loop.after(std::chrono::microseconds(0), [this] {
            compare_timer_ = 0;
            compare();
        });
    }
}

void Bgp::compare() {
    const bool before = is_converged();
    for (const auto& ns : std::exchange(dirty_, {})) {
        std::vector<RouteSpec> there;
        try {
            there = parts_.kernel.read_routes(ns, netemu::kRouteByBird);
        } catch (const netemu::Error& error) {
            netemu::log_warning("supervisor", "routes of " + ns + ": " + error.what());
        }
        std::erase_if(there, [](const RouteSpec& route) { return route.is_blackhole(); });
        const auto& wanted = expected_[ns];
        for (auto& route : there) { // what is past the tunnel the lab file may call as it likes
            const bool known = std::any_of(wanted.begin(), wanted.end(), [&](const auto& each) {
                return each.link == route.link;
            });
            route.link = known ? route.link : compile::kEth0;
        }
        std::sort(there.begin(), there.end());
        std::vector<std::string> words;
        for (const auto& route : wanted) {
            if (!std::binary_search(there.begin(), there.end(), route)) {
                words.push_back(bgp_route_text(route) + " is missing");
            }
        }
        for (const auto& route : there) {
            if (!std::binary_search(wanted.begin(), wanted.end(), route)) {
                words.push_back(bgp_route_text(route) + " is there still");
            }
        }
        if (words.empty()) {
            lacking_.erase(ns);
        } else {
            const auto more = words.size() - 1;
            lacking_[ns] =
                words.front() + (more == 0 ? "" : ", and " + std::to_string(more) + " more");
        }
    }
    if (is_converged()) {
        if (first_converged_us_ == 0) {
            first_converged_us_ = std::max<std::uint64_t>(netemu::micros_since(begun_), 1);
        }
        finish_waiting();
        if (!before) {
            parts_.converged();
        }
    }
}

std::map<std::string, std::string> Bgp::pending() const {
    std::map<std::string, std::string> result;
    for (const auto& [ns, what] : lacking_) {
        result[ns] = "routes by BGP: " + what;
    }
    return result;
}

void Bgp::when_converged(std::chrono::milliseconds patience, std::function<void()> callback) {
    const auto id = next_waiter_++;
    auto& waiter = waiting_[id];
    waiter.callback = std::move(callback);
    waiter.timer =
        parts_.loop.after(is_converged() ? std::chrono::milliseconds(0) : patience, [this, id] {
            if (auto node = waiting_.extract(id)) {
                node.mapped().callback();
            }
        });
}

void Bgp::finish_waiting() {
    for (const auto& [id, waiter] : std::exchange(waiting_, {})) {
        parts_.loop.cancel(waiter.timer);
        waiter.callback();
    }
}

// --- what the daemons say of themselves

void Bgp::process_changed(const std::string& ns, const ProcessState& state) {
    auto& daemon = *daemons_.at(ns);
    if (state.running) {
        if (state.restarts > 0) {
            parts_.tell(daemon.speaker, "BirdRestarted", "BIRD runs again");
        }
        return;
    }
    daemon.established.clear();
    const auto tail = daemon.process ? printable(daemon.process->logs().tail(1)) : std::string();
    const auto last = std::string(netemu::trim(tail));
    parts_.tell(
        daemon.speaker,
        "BirdEnded",
        "BIRD has ended with status " + std::to_string(state.exit_code) +
            (state.message.empty() ? "" : ": " + state.message) +
            (last.empty() ? "" : "; it said last: " + last));
}

/// "2026-11-26 06:21:01.257 <TRACE> Mesh_172_18_0_3: State changed to up"
void Bgp::printed(const std::string& ns, std::string_view text) {
    constexpr std::size_t kLineBytesMax = 4096;
    constexpr std::string_view kLevel = "<TRACE> ";
    constexpr std::string_view kChanged = ": State changed to ";
    if (text.empty()) {
        return; // there will be no more
    }
    auto& daemon = *daemons_.at(ns);
    for (const char c : text) {
        if (c != '\n') {
            if (daemon.line.size() < kLineBytesMax) {
                daemon.line += c;
            }
            continue;
        }
        const auto line = std::exchange(daemon.line, {});
        const auto level = line.find(kLevel);
        const auto changed = line.find(kChanged);
        if (level == std::string::npos || changed == std::string::npos || changed < level) {
            continue;
        }
        const auto begin = level + kLevel.size();
        const bool up = std::string_view(line).substr(changed + kChanged.size()) == "up";
        session_changed(daemon, line.substr(begin, changed - begin), up);
    }
}

void Bgp::session_changed(Daemon& daemon, const std::string& protocol, bool up) {
    const auto peer = daemon.peers.find(protocol);
    if (peer == daemon.peers.end()) {
        return;
    }
    if (up && daemon.established.insert(protocol).second) {
        // A mesh begins with the square of its nodes: told of together.
        if (!daemon.seen.insert(protocol).second) {
            parts_.tell(daemon.speaker, "BGPSessionUp", "session with " + peer->second);
        } else if (daemon.seen.size() == daemon.peers.size()) {
            parts_.tell(
                daemon.speaker,
                "BGPSessionsUp",
                "sessions established: " + std::to_string(daemon.seen.size()));
        }
    } else if (!up && daemon.established.erase(protocol) > 0) {
        parts_.tell(daemon.speaker, "BGPSessionDown", "session with " + peer->second);
    }
}

LogBuffer* Bgp::logs(const std::string& ns) {
    const auto found = daemons_.find(ns);
    return found == daemons_.end() ? nullptr : &found->second->process->logs();
}

api::Json Bgp::summary() const {
    std::size_t sessions = 0;
    std::size_t established = 0;
    for (const auto& speaker : speakers_) {
        sessions += speaker.sessions.size();
        established += daemons_.at(speaker.ns)->established.size();
    }
    return {
        {"speakers", speakers_.size()},
        {"sessions", sessions / 2},
        {"established", established / 2},
        {"converged", is_converged()},
        {"firstConvergedMicros", first_converged_us_}};
}

} // namespace labctl::supervisor
