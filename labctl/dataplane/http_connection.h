#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "labctl/dataplane/client_stream.h"
#include "labctl/dataplane/http_proxy.h"
#include "labctl/dataplane/proxied_connection.h"

namespace labctl::dataplane {

/// One client's connection to a proxy of HTTP, of whatever version.
/// Not to be destroyed by its own callbacks. Belongs to the loop's thread.
class HttpConnection : public ProxiedConnection, protected ClientListener {
public:
    using Closed = std::function<void(HttpConnection& connection)>;

    /// `proxy` outlives this. Takes over from whoever has heard what `stream` tells.
    HttpConnection(
        netemu::EventLoop& loop,
        HttpProxy& proxy,
        HttpClient client,
        std::unique_ptr<ClientStream> stream,
        Closed closed);
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;
    ~HttpConnection() override;

    /// Begins with a stream that has not been started, and with bytes that its socket has had.
    void start(std::string_view bytes);
    /// Begins with what a stream has told already: bytes, and perhaps that there are no more.
    void take_over(std::string_view plain, bool has_ended);
    /// No request is taken behind those that are under way.
    virtual void retire() = 0;

protected:
    // NOLINTBEGIN: for both versions
    netemu::EventLoop& loop_;
    HttpProxy& proxy_;
    HttpClient client_;
    Closed closed_;
    std::unique_ptr<ClientStream> stream_;
    // NOLINTEND
};

/// How long a client may be silent between requests, or in the midst of one (nginx:
/// keepalive_timeout 75s), how long its end is waited for once it has been told all, and what an
/// access log calls a request whose client has gone (nginx).
inline constexpr std::chrono::seconds kHttpIdleMax{75};
inline constexpr std::chrono::seconds kHttpDrainMax{2};
inline constexpr int kClientClosedRequest = 499;

} // namespace labctl::dataplane
