#pragma once

#include <functional>
#include <string_view>

#include "labctl/dataplane/proxied_connection.h"

namespace labctl::dataplane {

/// One client's connection to a proxy of HTTP, of whatever version.
/// Not to be destroyed by its own callbacks. Belongs to the loop's thread.
class HttpConnection : public ProxiedConnection {
public:
    using Closed = std::function<void(HttpConnection& connection)>;

    /// Begins with a stream that has not been started, and with bytes that its socket has had.
    virtual void start(std::string_view bytes) = 0;
    /// Begins with what a stream has told already: bytes, and perhaps that there are no more.
    virtual void take_over(std::string_view plain, bool has_ended) = 0;
    /// No request is taken behind those that are under way.
    virtual void retire() = 0;
};

/// How long a client may be silent between requests, or in the midst of one (nginx:
/// keepalive_timeout 75s), and what an access log calls a request whose client has gone (nginx).
inline constexpr std::chrono::seconds kHttpIdleMax{75};
inline constexpr int kClientClosedRequest = 499;

} // namespace labctl::dataplane
