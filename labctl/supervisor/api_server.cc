#include "labctl/supervisor/api_server.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "labctl/api/protobuf.h"
#include "labctl/api/status_error.h"
#include "mesh/http/message.h"
#include "mesh/http/parser.h"
#include "mesh/http/writer.h"
#include "netemu/base/process.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

using netemu::check_syscall;
using netemu::UniqueFd;

nlohmann::json ApiRequest::json() const {
    if (api::is_kubernetes_protobuf(body)) {
        return api::decode_kubernetes_protobuf(body);
    }
    auto parsed = nlohmann::json::parse(body, nullptr, false);
    if (parsed.is_discarded()) {
        throw netemu::UsageError("the request's body is not JSON");
    }
    return parsed;
}

std::string ApiRequest::parameter(const std::string& name) const {
    const auto found = query.lower_bound(name);
    return found == query.end() || found->first != name ? std::string{} : found->second;
}

std::vector<std::string> ApiRequest::parameters(const std::string& name) const {
    std::vector<std::string> values;
    const auto [begin, end] = query.equal_range(name);
    for (auto each = begin; each != end; ++each) {
        values.push_back(each->second);
    }
    return values;
}

bool ApiRequest::flag(const std::string& name) const {
    const auto value = parameter(name);
    return value == "true" || value == "1";
}

int http_status(const netemu::Error& error) {
    if (const auto* status = dynamic_cast<const api::StatusError*>(&error)) {
        return status->code();
    }
    return error.exit_code() == netemu::ExitCode::Usage ? 422 : 500;
}

nlohmann::json status_object(const netemu::Error& error) {
    const auto* status = dynamic_cast<const api::StatusError*>(&error);
    const int code = http_status(error);
    nlohmann::json body =
        status != nullptr
            ? status->to_json()
            : api::StatusError(code, code == 422 ? "Invalid" : "InternalError", error.what())
                  .to_json();
    body["details"]["hint"] = error.hint();
    body["details"]["exitCode"] = static_cast<int>(error.exit_code());
    return body;
}

namespace {

ApiRequest to_api_request(mesh::Request request) {
    ApiRequest result;
    result.method = std::move(request.method);
    for (const auto segment : netemu::split(request.path(), '/')) {
        if (!segment.empty()) {
            result.path.push_back(mesh::url_decode(segment));
        }
    }
    if (!result.path.empty() && result.path.front().starts_with('~')) {
        result.path.erase(result.path.begin()); // the key of `labctl proxy`, which has seen to it
    }
    for (const auto pair : netemu::split(request.query(), '&')) {
        const auto equals = pair.find('=');
        if (!pair.empty()) {
            result.query.emplace(
                mesh::url_decode(pair.substr(0, equals)),
                equals == std::string_view::npos ? "" : mesh::url_decode(pair.substr(equals + 1)));
        }
    }
    result.content_type = request.headers.get("content-type");
    result.accept = request.headers.get("accept");
    result.body = std::move(request.body);
    result.headers = std::move(request.headers);
    return result;
}

} // namespace

/// One request at a time: a client that pipelines is read again when its answer is out.
class ApiServer::Connection : public Exchange, public std::enable_shared_from_this<Connection> {
public:
    Connection(ApiServer& server, UniqueFd fd) : server_(server), fd_(std::move(fd)) {
        netemu::set_nonblocking(fd_.get());
    }

    void start() {
        server_.loop_.add(fd_.get(), EPOLLIN, [this](std::uint32_t events) { on_event(events); });
    }

    void reply(int status, const nlohmann::json& body) override {
        reply_document(status, body.dump());
    }
    void reply_document(int status, std::string document) override {
        document += '\n';
        send_response(status, "application/json", std::move(document));
    }
    void reply_text(int status, std::string text) override {
        send_response(status, "text/plain; charset=utf-8", std::move(text));
    }
    void reply_with_fds(const nlohmann::json& body, std::vector<UniqueFd> fds) override {
        fds_ = std::move(fds);
        reply(200, body);
    }

    void hand_over(const std::function<void(int, const std::string&)>& give) override {
        if (!fd_ || !output_.empty()) {
            close();
            return;
        }
        give(fd_.get(), input_);
        disconnected_ = nullptr;
        close(); // our descriptor of it
    }

    void start_stream(const std::string& content_type) override {
        mesh::Response response;
        response.headers = {{"content-type", content_type}, {"transfer-encoding", "chunked"}};
        queue(mesh::head_bytes(response));
    }
    void send_line(const nlohmann::json& line) override { send_text(line.dump() + "\n"); }
    void send_text(std::string_view text) override { queue(mesh::chunk_bytes(text)); }
    void finish() override {
        queue(mesh::last_chunk_bytes());
        finished();
    }

    void on_disconnect(std::function<void()> callback) override {
        disconnected_ = std::move(callback);
    }

    void on_closed(std::function<void()> callback) override {
        closed_.push_back(std::move(callback));
    }

    bool client_gone() override {
        char byte = 0;
        const auto size = fd_ ? ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) : 0;
        return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
    }

    void flush() override {
        constexpr int kFlushMsMax = 1000;
        while (fd_ && !output_.empty()) {
            write_some();
            pollfd wait{fd_.get(), POLLOUT, 0};
            if (!output_.empty() && ::poll(&wait, 1, kFlushMsMax) <= 0) {
                return;
            }
        }
    }

    /// It is we who leave: nothing is done about who is gone.
    void leave() {
        disconnected_ = nullptr;
        closed_.clear();
        close();
    }

    void close() {
        if (!fd_) {
            return;
        }
        const auto self = shared_from_this(); // the map's reference goes away here
        const int number = fd_.get();
        server_.loop_.remove(number);
        server_.connections_.erase(number);
        fd_.reset();
        if (const auto callback = std::exchange(disconnected_, nullptr); callback && busy_) {
            callback();
        }
        for (const auto& callback : std::exchange(closed_, {})) {
            callback();
        }
    }

private:
    void on_event(std::uint32_t events) {
        const auto self = shared_from_this();
        if ((events & EPOLLOUT) != 0) {
            write_some();
        }
        if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
            read_some();
        }
    }

    void read_some() {
        std::array<char, 64U << 10U> buffer{};
        while (fd_) {
            const auto size = receive(buffer);
            if (size < 0) {
                break;
            }
            if (size == 0) {
                close();
                return;
            }
            constexpr std::size_t kPipelinedBytesMax = 1U << 20U;
            if (busy_ && input_.size() > kPipelinedBytesMax) {
                close();
                return;
            }
            input_.append(buffer.data(), static_cast<std::size_t>(size));
            parse();
        }
    }

    /// What `netemu::receive_with_fds` got; 0 also for a connection that has failed.
    ssize_t receive(std::span<char> buffer) {
        constexpr std::size_t kReceivedFdsMax = 8;
        try {
            auto message = netemu::receive_with_fds(fd_.get(), buffer);
            for (auto& fd : message.fds) {
                if (received_.size() < kReceivedFdsMax) {
                    received_.push_back(std::move(fd));
                }
            }
            return message.size;
        } catch (const netemu::SysError&) {
            return 0;
        }
    }

    void parse() {
        while (fd_ && !busy_ && !input_.empty()) {
            const auto used = parser_.feed(input_);
            input_.erase(0, used);
            if (parser_.failed()) {
                reply(
                    parser_.error().status,
                    status_object(api::StatusError::bad_request(parser_.error().text)));
                close();
                return;
            }
            if (!parser_.complete()) {
                return;
            }
            auto request = to_api_request(parser_.take());
            request.fds = std::exchange(received_, {});
            dispatch(request);
        }
    }

    void dispatch(const ApiRequest& request) {
        busy_ = true;
        try {
            server_.handler_(request, shared_from_this());
        } catch (const netemu::Error& error) {
            reply(http_status(error), status_object(error));
        } catch (const nlohmann::json::exception& error) {
            const netemu::UsageError usage(
                std::string("the request's body is not as expected: ") + error.what());
            reply(http_status(usage), status_object(usage));
        } catch (const std::exception& error) { // a mistake of ours, which must not end the lab
            const netemu::Error mistake(std::string("a mistake in labctl: ") + error.what());
            reply(http_status(mistake), status_object(mistake));
        }
    }

    void send_response(int status, std::string content_type, std::string body) {
        mesh::Response response;
        response.status = status;
        response.headers = {{"content-type", std::move(content_type)}};
        response.body = std::move(body);
        queue(mesh::to_bytes(response));
        finished();
    }

    void finished() {
        busy_ = false;
        disconnected_ = nullptr;
        // The next request, if it is here already, waits for the loop: handlers do not nest.
        if (fd_ && !input_.empty()) {
            server_.loop_.after(
                std::chrono::microseconds(0), [self = shared_from_this()] { self->parse(); });
        }
    }

    void queue(const std::string& bytes) {
        if (!fd_) {
            return;
        }
        constexpr std::size_t kQueuedBytesMax = 256U << 20U;
        output_ += bytes;
        if (output_.size() > kQueuedBytesMax) {
            close(); // a watcher that does not read must not eat our memory
            return;
        }
        write_some();
    }

    void write_some() {
        while (fd_ && !output_.empty()) {
            std::vector<int> fds;
            for (const auto& fd : fds_) {
                fds.push_back(fd.get());
            }
            ssize_t sent = -1;
            try {
                sent = netemu::send_with_fds(fd_.get(), output_, fds);
            } catch (const netemu::SysError&) {
                close();
                return;
            }
            if (sent < 0) {
                break;
            }
            fds_.clear();
            output_.erase(0, static_cast<std::size_t>(sent));
        }
        if (fd_ && server_.loop_.watches(fd_.get())) {
            server_.loop_.modify(
                fd_.get(),
                output_.empty() ? std::uint32_t{EPOLLIN} : std::uint32_t{EPOLLIN} | EPOLLOUT);
        }
    }

    ApiServer& server_;
    UniqueFd fd_;
    mesh::RequestParser parser_;
    std::string input_;
    std::string output_;
    std::vector<UniqueFd> fds_;      // that go out with the answer
    std::vector<UniqueFd> received_; // that came with the request
    bool busy_ = false;
    std::function<void()> disconnected_;
    std::vector<std::function<void()>> closed_;
};

ApiServer::ApiServer(netemu::EventLoop& loop, Handler handler)
    : loop_(loop), handler_(std::move(handler)) {
}

ApiServer::~ApiServer() {
    if (listener_) {
        loop_.remove(listener_.get());
    }
    while (!connections_.empty()) {
        connections_.begin()->second->leave();
    }
}

void ApiServer::listen(const std::string& path) {
    listener_.reset(check_syscall(
        "create the control socket",
        ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        throw netemu::UsageError(
            "the path of the control socket is too long: " + path,
            "set LABCTL_RUN_DIR to a shorter directory (107 bytes in all)");
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    ::fchmod(listener_.get(), 0600); // bind(2) creates the file with the socket's mode
    check_syscall(
        "bind the control socket " + path,
        ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    check_syscall("listen on " + path, ::listen(listener_.get(), SOMAXCONN));
    loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_all(); });
    accept_pause_ = std::make_unique<netemu::AcceptPause>(loop_, listener_.get());
}

void ApiServer::accept_all() {
    for (;;) {
        UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) {
            accept_pause_->failed(errno);
            return;
        }
        adopt(std::move(fd), {});
    }
}

void ApiServer::adopt(UniqueFd connection, std::function<void()> on_closed) {
    const int number = connection.get();
    auto created = std::make_shared<Connection>(*this, std::move(connection));
    if (on_closed) {
        created->on_closed(std::move(on_closed));
    }
    connections_[number] = created;
    created->start();
}

} // namespace labctl::supervisor
