#include "labctl/supervisor/last_requests.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace labctl::supervisor {

namespace {

using namespace std::chrono_literals;

constexpr auto kSilence = 1s;
constexpr int kQuestionsMax = 60;
constexpr std::size_t kWatchedMax =
    100; // of a lab that changes a lot at once, some pods are told of

std::string
last_request_text(netemu::Clock::time_point changed, const dataplane::DataPlane::Served& served) {
    if (served.requests == 0) {
        return "it has served no request";
    }
    const auto last = netemu::Clock::now() - served.age;
    const double millis = std::chrono::duration<double, std::milli>(last - changed).count();
    std::array<char, 80> text{};
    if (millis > 0) {
        std::snprintf(text.data(), text.size(), "last request served (+%.1f ms)", millis);
    } else {
        std::snprintf(
            text.data(),
            text.size(),
            "no request since; last one served %.1f s before",
            -millis / 1000);
    }
    return text.data();
}

} // namespace

LastRequests::LastRequests(netemu::EventLoop& loop, Ask ask, StillOut still_out, Tell tell)
    : loop_(loop), ask_(std::move(ask)), still_out_(std::move(still_out)), tell_(std::move(tell)) {
}

LastRequests::~LastRequests() {
    for (const auto& [id, watched] : watched_) {
        loop_.cancel(watched.timer);
    }
}

void LastRequests::follow(
    const api::ObjectKey& service, const api::ObjectKey& pod, netemu::Clock::time_point changed) {
    if (watched_.size() < kWatchedMax) {
        watched_[next_id_] = {service, pod, changed};
        ask_later(next_id_++);
    }
}

void LastRequests::ask_later(std::uint64_t id) {
    watched_.at(id).timer = loop_.after(kSilence, [this, id] { ask(id); });
}

void LastRequests::ask(std::uint64_t id) {
    const auto& watched = watched_.at(id);
    if (!still_out_(watched.pod)) {
        watched_.erase(id);
        return;
    }
    ask_(
        watched.pod.ns + "/" + watched.pod.name,
        [this, id](const std::optional<dataplane::DataPlane::Served>& served) {
            answered(id, served);
        });
}

void LastRequests::answered(
    std::uint64_t id, const std::optional<dataplane::DataPlane::Served>& served) {
    const auto found = watched_.find(id);
    if (found == watched_.end() || !served) {
        watched_.erase(id); // a real process: nobody knows what it serves
        return;
    }
    auto& watched = found->second;
    const bool silent = served->requests == 0 || served->age >= kSilence;
    if (!silent && ++watched.questions < kQuestionsMax) {
        ask_later(id);
        return;
    }
    tell_(
        watched.service,
        "pod " + watched.pod.name + " not ready -> " +
            (silent ? last_request_text(watched.changed, *served)
                    : "it still serves requests, a minute later"));
    watched_.erase(found);
}

} // namespace labctl::supervisor
