#include "labctl/cli/client.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

#include "mesh/http/parser.h"
#include "mesh/http/writer.h"
#include "netemu/base/process.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

netemu::ExitCode exit_code_of(const json& status) {
    const auto details = status.find("details");
    if (details != status.end() && details->contains("exitCode")) {
        return static_cast<netemu::ExitCode>((*details)["exitCode"].get<int>());
    }
    return netemu::ExitCode::Internal;
}

netemu::ReceivedMessage receive_some(int connection, std::span<char> buffer) {
    try {
        auto message = netemu::receive_with_fds(connection, buffer);
        if (message.size < 0) { // Client::limit_answers
            throw netemu::Error("the lab does not answer");
        }
        return message;
    } catch (const netemu::SysError& error) {
        if (error.error_number() == ECONNRESET) { // it had something of ours to read still
            throw LabGoneError("the lab ended before it answered");
        }
        throw;
    }
}

} // namespace

RemoteError::RemoteError(int http_status, const json& status)
    : Error(status.value("message", "the lab refused the request")), http_status_(http_status),
      exit_code_(exit_code_of(status)) {
    const auto details = status.find("details");
    if (details != status.end() && details->is_object()) {
        set_hint(details->value("hint", ""));
    }
}

Client Client::connect(const std::string& path) {
    netemu::UniqueFd fd(
        netemu::check_syscall("create a socket", ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        throw netemu::UsageError("the path of the control socket is too long: " + path);
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    netemu::check_syscall(
        "connect to the lab at " + path,
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    Client client(std::move(fd));
    client.path_ = path;
    return client;
}

Client Client::another() const {
    return connect(path_);
}

void Client::limit_answers(std::chrono::seconds limit) {
    const timeval time{limit.count(), 0};
    netemu::check_syscall(
        "limit how long the lab may take to answer",
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
}

void Client::send(const std::string& method, const std::string& target, const json& body) {
    send_text(
        method,
        target,
        body.is_null() ? "" : body.dump(-1, ' ', false, json::error_handler_t::replace));
}

void Client::send_text(const std::string& method, const std::string& target, std::string body) {
    mesh::Request request;
    request.method = method;
    request.target = target;
    request.headers = {{"host", "labctl"}};
    if (!body.empty()) {
        request.headers.add("content-type", "application/json");
        request.body = std::move(body);
    }
    const auto bytes = mesh::to_bytes(request);
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto sent = ::send(fd_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            throw LabGoneError("the lab ended: " + netemu::errno_text(errno));
        }
        done += sent > 0 ? static_cast<std::size_t>(sent) : 0;
    }
}

std::string Client::receive(const TextSink& sink) {
    mesh::ResponseParser parser;
    std::vector<char> buffer(64U << 10U);
    bool streaming = false;
    bool wanted = true;
    const auto take_piece = [&](std::string_view piece) { wanted = wanted && sink(piece); };
    const auto feed = [&](std::string_view bytes) {
        while (!bytes.empty() && !parser.complete() && !parser.failed()) {
            // The head ends a feed of its own, so that a stream is recognised before its first
            // piece.
            const auto step =
                parser.head_complete() ? bytes.size() : std::min<std::size_t>(bytes.size(), 1);
            bytes.remove_prefix(parser.feed(bytes.substr(0, step)));
            if (!streaming && sink && parser.head_complete() && parser.response().status < 400) {
                streaming = true;
                parser.on_body(take_piece);
            }
        }
    };
    while (!parser.complete()) {
        auto message = receive_some(fd_.get(), buffer);
        std::move(message.fds.begin(), message.fds.end(), std::back_inserter(fds_));
        if (message.size == 0) {
            parser.finish();
            if (!parser.complete()) {
                throw LabGoneError("the lab ended before it answered");
            }
            break;
        }
        feed(std::string_view(buffer.data(), static_cast<std::size_t>(message.size)));
        if (parser.failed()) {
            throw netemu::Error("the lab's answer is not HTTP: " + parser.error().text);
        }
        if (!wanted) {
            fd_.reset(); // the rest of the stream is of no interest
            return {};
        }
    }
    const auto& response = parser.response();
    if (response.status >= 400) {
        throw RemoteError(response.status, json::parse(response.body, nullptr, false));
    }
    return response.body;
}

json Client::request(const std::string& method, const std::string& target, const json& body) {
    send(method, target, body);
    const auto text = receive({});
    return text.empty() ? json() : json::parse(text);
}

std::string
Client::exchange(const std::string& method, const std::string& target, std::string body) {
    send_text(method, target, std::move(body));
    return receive({});
}

void Client::stream(
    const std::string& method, const std::string& target, const json& body, const LineSink& sink) {
    send(method, target, body);
    std::string pending;
    receive([&](std::string_view piece) {
        pending += piece;
        for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
            const auto line = json::parse(pending.substr(0, end));
            pending.erase(0, end + 1);
            if (!sink(line)) {
                return false;
            }
        }
        return true;
    });
}

void Client::text(const std::string& target, const TextSink& sink) {
    send("GET", target, nullptr);
    receive(sink);
}

std::string url_encode(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    static constexpr std::string_view kPlain = "-._~";
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || kPlain.find(c) != std::string_view::npos) {
            result += c;
        } else {
            result += '%';
            result += kHex[byte >> 4U];
            result += kHex[byte & 0xfU];
        }
    }
    return result;
}

} // namespace labctl::cli
