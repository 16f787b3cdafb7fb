#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mesh/http/message.h"
#include "netemu/base/accept_pause.h"
#include "netemu/base/error.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

/// HTTP/1.1 on the control socket: connections, parsing, answers, streams. Knows no resources
/// (routes.h does).
namespace labctl::supervisor {

/// One request as a handler sees it.
struct ApiRequest {
    std::string method;
    std::vector<std::string> path; // decoded segments: /api/v1/pods -> {"api", "v1", "pods"}
    std::multimap<std::string, std::string> query; // decoded; of one name in their order
    mesh::Headers headers;
    std::string content_type;
    std::string accept;
    std::string body;
    std::vector<netemu::UniqueFd> fds{}; // that the client has passed along
    /// The body as JSON, also where it is Kubernetes' protobuf (labctl/api/protobuf.h); throws
    /// netemu::UsageError when it is neither.
    [[nodiscard]] nlohmann::json json() const;
    /// The first of that name, or "".
    [[nodiscard]] std::string parameter(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> parameters(const std::string& name) const;
    /// Whether it is "true" or "1", as Kubernetes' clients write it.
    [[nodiscard]] bool flag(const std::string& name) const;
};

/// The answer to one request, which may come later or in pieces. Handlers share it; once the client
/// is gone every call is without effect.
class Exchange {
public:
    virtual ~Exchange() = default;
    virtual void reply(int status, const nlohmann::json& body) = 0;
    virtual void reply_text(int status, std::string text) = 0;
    /// With JSON that is text already, for long documents.
    virtual void reply_document(int status, std::string document) = 0;
    /// Answers and passes descriptors (duplicated) to the client with the first byte.
    virtual void reply_with_fds(const nlohmann::json& body, std::vector<netemu::UniqueFd> fds) = 0;
    /// Gives the connection away, unanswered: `give` passes its descriptor, and what the client has
    /// sent behind its request, to another process. If that throws, the connection stays and the
    /// error is the answer; otherwise this exchange is over. A client that has not read earlier
    /// answers, or is gone, has its connection closed, and `give` is not called.
    virtual void
    hand_over(const std::function<void(int connection, const std::string& unread)>& give) = 0;
    /// Starts a stream of JSON lines; `send_line` and `send_text` follow, and `finish` ends it.
    virtual void start_stream(const std::string& content_type) = 0;
    virtual void send_line(const nlohmann::json& line) = 0;
    virtual void send_text(std::string_view text) = 0;
    virtual void finish() = 0;
    /// Called when the client goes away before the answer is complete.
    virtual void on_disconnect(std::function<void()> callback) = 0;
    /// Called when its connection has ended, also long after the answer: for what is to last no
    /// longer than whoever asked for it.
    virtual void on_closed(std::function<void()> callback) = 0;
    /// Reads the connection's state from the kernel: for long work outside the loop.
    [[nodiscard]] virtual bool client_gone() = 0;
    /// Writes out what is queued, blocking for at most a second: for progress during long work
    /// outside the loop.
    virtual void flush() = 0;
};
using ExchangePtr = std::shared_ptr<Exchange>;

/// The Kubernetes Status object of an error, with our exit status and hint under `details`.
nlohmann::json status_object(const netemu::Error& error);
int http_status(const netemu::Error& error);

class ApiServer {
public:
    using Handler = std::function<void(const ApiRequest&, const ExchangePtr&)>;

    /// `handler` may throw api::StatusError or another netemu::Error, which become Status answers.
    ApiServer(netemu::EventLoop& loop, Handler handler);
    ApiServer(const ApiServer&) = delete;
    ApiServer& operator=(const ApiServer&) = delete;
    ~ApiServer();

    /// Listens on a Unix socket that only its owner can open. Throws SysError.
    void listen(const std::string& path);
    /// Serves a connection that exists already; `on_closed` is called when it has ended.
    void adopt(netemu::UniqueFd connection, std::function<void()> on_closed);

    /// One accepted connection. Public only for the .cc file.
    class Connection;

private:
    void accept_all();

    netemu::EventLoop& loop_;
    Handler handler_;
    netemu::UniqueFd listener_;
    std::unique_ptr<netemu::AcceptPause> accept_pause_;
    std::map<int, std::shared_ptr<Connection>> connections_;
};

} // namespace labctl::supervisor
