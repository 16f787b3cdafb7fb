#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "netemu/base/error.h"
#include "netemu/base/unique_fd.h"

namespace labctl::cli {

/// What the lab refused, with the exit status and the hint it sent.
class RemoteError : public netemu::Error {
public:
    RemoteError(int http_status, const nlohmann::json& status);
    [[nodiscard]] int http_status() const { return http_status_; }
    [[nodiscard]] netemu::ExitCode exit_code() const noexcept override { return exit_code_; }

private:
    int http_status_;
    netemu::ExitCode exit_code_;
};

/// The connection was cut: the lab ended under our hands.
class LabGoneError : public netemu::Error {
public:
    using Error::Error;
};

/// A client of one lab's control API. Blocking; one request at a time.
class Client {
public:
    using LineSink = std::function<bool(const nlohmann::json& line)>; // false: stop reading
    using TextSink = std::function<bool(std::string_view text)>;

    /// Connects to the control socket at `path`. Throws SysError.
    static Client connect(const std::string& path);
    /// Another connection to the same lab. Throws SysError.
    [[nodiscard]] Client another() const;
    explicit Client(netemu::UniqueFd connection) : fd_(std::move(connection)) {}

    /// How long an answer, or the next piece of it, may take from now on: otherwise netemu::Error.
    void limit_answers(std::chrono::seconds limit);

    /// Sends a request and returns the JSON of its answer. Throws RemoteError for an answer of 400
    /// and above, LabGoneError when the connection ends before the answer.
    nlohmann::json request(
        const std::string& method, const std::string& target, const nlohmann::json& body = nullptr);
    /// The same with a body and an answer that are text already, for long documents.
    std::string exchange(const std::string& method, const std::string& target, std::string body);
    /// A request whose answer is a stream of JSON lines.
    void stream(
        const std::string& method,
        const std::string& target,
        const nlohmann::json& body,
        const LineSink& sink);
    /// A request whose answer is text, as it comes.
    void text(const std::string& target, const TextSink& sink);

    /// For poll(2): readable or hung up when the lab ends, while no answer is due.
    [[nodiscard]] int fd() const { return fd_.get(); }
    /// Descriptors that came with the last answer.
    std::vector<netemu::UniqueFd> take_fds() { return std::move(fds_); }

private:
    void send(const std::string& method, const std::string& target, const nlohmann::json& body);
    void send_text(const std::string& method, const std::string& target, std::string body);
    std::string receive(const TextSink& sink);

    netemu::UniqueFd fd_;
    std::string path_; // empty: it was handed in
    std::vector<netemu::UniqueFd> fds_;
};

/// Percent-encodes what must not stand literally in a path segment or a query value.
std::string url_encode(std::string_view text);

} // namespace labctl::cli
