#include <chrono>
#include <ctime>

#include "labctl/supervisor/routes.h"

namespace labctl::supervisor {

using api::Json;

namespace {

/// RFC 3339 with milliseconds.
std::string time_text() {
    const auto now = std::chrono::system_clock::now();
    const auto seconds = std::chrono::system_clock::to_time_t(now);
    const auto millis = static_cast<unsigned>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() %
        1000);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    char text[32];
    const auto size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    const auto fraction = std::to_string(1000 + millis).substr(1);
    return std::string(text, size) + "." + fraction + "Z";
}

} // namespace

/// A stream of queries, until the client has enough.
void Routes::dns_queries(const ExchangePtr& exchange) {
    exchange->start_stream("application/json");
    const std::weak_ptr<Exchange> weak = exchange;
    const auto watcher = lab_.watch_dns([weak](Json event) {
        if (const auto stream = weak.lock()) {
            event["time"] = time_text();
            stream->send_line(event);
        }
    });
    exchange->on_disconnect([this, watcher] { lab_.unwatch_dns(watcher); });
}

} // namespace labctl::supervisor
