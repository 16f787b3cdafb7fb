#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/grpc_answer.h"
#include "labctl/dataplane/probe_tasks.h"
#include "labctl/dataplane/wire.h"
#include "mesh/http/h2_streams.h"
#include "mesh/http/parser.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

/// Whether what a server has said can be the beginning of HTTP/2: a SETTINGS frame of the whole
/// connection (RFC 9113 sections 3.4, 6.5).
bool may_be_http2(std::string_view bytes) {
    constexpr std::size_t kType = 3;
    constexpr char kSettings = 4;
    constexpr std::string_view kNoStream{"\0\0\0\0", 4};
    constexpr std::size_t kStream = 5;
    return bytes.front() == 0 && (bytes.size() <= kType || bytes[kType] == kSettings) &&
           (bytes.size() <= kStream ||
            kNoStream.starts_with(bytes.substr(kStream, kNoStream.size())));
}

/// What it is, if it is not HTTP/2.
std::string other_speech(std::string_view bytes) {
    constexpr std::size_t kShown = 60;
    const std::string but = "gRPC needs HTTP/2, and the server answered ";
    const auto line = bytes.substr(0, std::min(bytes.find_first_of("\r\n"), kShown));
    const bool text = !line.empty() && std::all_of(line.begin(), line.end(), [](char c) {
        return c >= 0x20 && c < 0x7f;
    });
    if (bytes.starts_with("PRI * HTTP/2.0")) {
        return but + "with what it was sent (it echoes)";
    }
    return but + (text ? "\"" + std::string(line) + '"' : std::string("in another protocol"));
}

/// grpc: unary calls over HTTP/2 without TLS, one or several in a row over the connection.
class GrpcProbe final : public ProbeTask, private mesh::H2Listener {
public:
    GrpcProbe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket)
        : ProbeTask(host, std::move(job), std::move(socket)), left_(this->job().exchanges),
          streams_(mesh::H2Streams::Role::Client, *this, {kHeadBytesKept, 1}) {
        mesh::RequestParser parser;
        parser.feed(this->job().what->payload);
        if (!parser.complete()) {
            throw netemu::Error("a probe of gRPC whose request is none");
        }
        request_ = parser.take();
        request_.headers.remove("content-length"); // which no client of gRPC sends
    }

    void start() override {
        const int on = 1;
        ::setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        close_with_reset(fd());
        report_icmp_errors(fd(), this->job().remote.address.is_v6()); // as tcp_probe.cc says
        if (connect()) {
            call();
            await_drop(IPPROTO_TCP);
            watch(EPOLLIN | EPOLLOUT);
        }
    }

private:
    /// Begins an exchange; `started_` is set.
    void call() {
        answer_ = {};
        answered_ = complete_ = false;
        reset_.reset();
        stream_ = streams_.request(request_, "http", false);
        streams_.send_body(stream_, request_.body);
        streams_.end(stream_, {});
        out_ += streams_.take_output();
        set_deadline(timeout_from(started_));
    }

    void on_events(std::uint32_t events) override {
        if (!connected_ && !check_connected(events)) {
            return;
        }
        if (send_waiting()) {
            read();
        }
    }

    void on_deadline() override {
        finish_timeout(
            !connected_ ? "connect"
            : !greeted_ ? "HTTP/2 after connect"
                        : "answer of " + request_.target);
    }

    bool check_connected(std::uint32_t events) {
        int error = (events & EPOLLERR) != 0 ? queued_icmp_error(fd()) : 0;
        error = error != 0 ? error : pending_error();
        if (error != 0) {
            finish_error("connect", error, false);
            return false;
        }
        connected_ = true;
        forget_drop();
        return true;
    }

    /// False if the task has ended.
    bool send_waiting() {
        while (!out_.empty()) {
            const auto size = ::send(fd(), out_.data(), out_.size(), MSG_NOSIGNAL);
            if (size < 0 && errno == EAGAIN) {
                break;
            }
            if (size < 0 && errno != EPIPE) { // after EPIPE there may still be an answer to read
                return fail("send", errno);
            }
            out_.erase(0, size < 0 ? out_.size() : static_cast<std::size_t>(size));
            if (out_.empty()) {
                out_ = streams_.take_output();
            }
        }
        watch(static_cast<std::uint32_t>(out_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT));
        return true;
    }

    void read() {
        std::array<char, 16384> buffer; // NOLINT: filled by recv
        while (!ended()) {
            const auto size = ::recv(fd(), buffer.data(), buffer.size(), 0);
            if (size < 0) {
                if (errno != EAGAIN && errno != EINTR) {
                    (void)fail("read", errno);
                }
                return;
            }
            if (size == 0) {
                return closed();
            }
            take({buffer.data(), static_cast<std::size_t>(size)});
        }
    }

    void take(std::string_view bytes) {
        if (!greeted_ && !greet(bytes)) {
            return;
        }
        (void)streams_.feed(bytes);
        out_ += streams_.take_output();
        if (complete_) {
            return exchanged();
        }
        if (reset_) {
            const bool unseen = *reset_ == mesh::kH2RefusedStream && may_be_stale();
            return unseen
                       ? end()
                       : finish_reset("the server reset the call: " + mesh::h2_error_name(*reset_));
        }
        if (streams_.broken() || streams_.finished()) {
            return finish_reset("the server broke the rules of HTTP/2");
        }
        (void)send_waiting();
    }

    /// Looks at the first bytes. False if they are not HTTP/2's: the task has ended.
    bool greet(std::string_view bytes) {
        constexpr std::size_t kFrameHead = 9;
        first_.append(bytes.substr(0, std::min(bytes.size(), kFirstMax - first_.size())));
        if (!may_be_http2(first_)) {
            finish_reset(other_speech(first_));
            return false;
        }
        greeted_ = first_.size() >= kFrameHead;
        return true;
    }

    void closed() {
        if (may_be_stale()) {
            return end();
        }
        finish_reset(
            greeted_ ? "the peer closed without an answer"
                     : "gRPC needs HTTP/2, and the peer closed without a word of it");
    }

    void exchanged() {
        ProbeOutcome outcome;
        outcome.outcome = probe::Outcome::Ok;
        outcome.rtt_us = elapsed_us();
        note_grpc_answer(answer_, request_.target, outcome);
        --left_;
        if (left_ == 0 || !streams_.has_room()) {
            (void)::send(fd(), out_.data(), out_.size(), MSG_NOSIGNAL); // nobody waits for it
            return finish(std::move(outcome));
        }
        report(std::move(outcome));
        started_ = netemu::Clock::now();
        call();
        (void)send_waiting();
    }

    /// Whether a server may simply have closed an idle connection: the call is then made on a new
    /// one.
    [[nodiscard]] bool may_be_stale() const { return left_ < job().exchanges && !answered_; }

    void finish_reset(std::string detail) {
        ProbeOutcome outcome;
        outcome.outcome = probe::Outcome::Reset;
        outcome.rtt_us = elapsed_us();
        outcome.detail = std::move(detail);
        finish(std::move(outcome));
    }

    bool fail(const std::string& attempt, int error) {
        may_be_stale()
            ? end()
            : finish_error(greeted_ ? attempt : attempt + ", before a word of HTTP/2", error, true);
        return false;
    }

    // --- of the connection; what they find is judged when all that has come is read

    void on_h2_response(std::int32_t stream, const mesh::Response& head, bool ends) override {
        if (stream == stream_) {
            answer_.head = head;
            answered_ = true;
            complete_ = ends;
        }
    }
    void on_h2_body(std::int32_t stream, std::string_view piece) override {
        if (stream == stream_) {
            const auto room = kBodyBytesKept - answer_.body.size();
            answer_.cut = answer_.cut || piece.size() > room;
            answer_.body.append(piece.substr(0, room));
        }
    }
    void on_h2_end(std::int32_t stream, const mesh::Headers& trailers) override {
        if (stream == stream_) {
            answer_.trailers = trailers;
            complete_ = true;
        }
    }
    void on_h2_reset(std::int32_t stream, std::uint32_t code) override {
        if (stream == stream_ && !complete_) {
            reset_ = code;
        }
    }

    static constexpr std::size_t kFirstMax = 256; // of what a server says first, for errors

    mesh::Request request_;
    std::uint32_t left_;
    bool connected_ = false;
    bool greeted_ = false;  // the server speaks HTTP/2
    bool answered_ = false; // something of this exchange's answer has come
    bool complete_ = false;
    std::optional<std::uint32_t> reset_;
    GrpcAnswer answer_;
    std::string first_;
    std::string out_; // what has still to be sent
    std::int32_t stream_ = 0;
    mesh::H2Streams streams_;
};

} // namespace

std::unique_ptr<ProbeTask> make_grpc_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket) {
    return std::make_unique<GrpcProbe>(host, std::move(job), std::move(socket));
}

} // namespace labctl::dataplane
