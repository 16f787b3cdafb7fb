#include <algorithm>
#include <optional>
#include <string>

#include "labctl/dataplane/exchange_probe.h"
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
class GrpcProbe final : public ExchangeProbe, private mesh::H2Listener {
public:
    GrpcProbe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket)
        : ExchangeProbe(host, std::move(job), std::move(socket)),
          streams_(mesh::H2Streams::Role::Client, *this, {kHeadBytesKept, 1}) {
        mesh::RequestParser parser;
        parser.feed(this->job().what->payload);
        if (!parser.complete()) {
            throw netemu::Error("a probe of gRPC whose request is none");
        }
        request_ = parser.take();
        request_.headers.remove("content-length"); // which no client of gRPC sends
    }

private:
    void begin() override {
        answer_ = {};
        complete_ = false;
        reset_.reset();
        stream_ = streams_.request(request_, "http", false);
        streams_.send_body(stream_, request_.body);
        streams_.end(stream_, {});
        out_ += streams_.take_output();
    }

    std::string more_to_send() override { return streams_.take_output(); }
    [[nodiscard]] std::string describe(const std::string& attempt) const override {
        return greeted_ ? attempt : attempt + ", before a word of HTTP/2";
    }

    void on_deadline() override {
        finish_timeout(
            !connected() ? "connect"
            : !greeted_  ? "HTTP/2 after connect"
                         : "answer of " + request_.target);
    }

    void take(std::string_view bytes) override {
        if (bytes.empty()) {
            return closed();
        }
        if (!greeted_ && !greet(bytes)) {
            return;
        }
        (void)streams_.feed(bytes);
        out_ += streams_.take_output();
        if (complete_) {
            return exchanged(outcome_of_answer(), streams_.has_room());
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

    ProbeOutcome outcome_of_answer() {
        ProbeOutcome outcome;
        outcome.outcome = probe::Outcome::Ok;
        outcome.rtt_us = elapsed_us();
        note_grpc_answer(answer_, request_.target, outcome);
        return outcome;
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
    bool greeted_ = false; // the server speaks HTTP/2
    bool complete_ = false;
    std::optional<std::uint32_t> reset_;
    GrpcAnswer answer_;
    std::string first_;
    std::int32_t stream_ = 0;
    mesh::H2Streams streams_;
};

} // namespace

std::unique_ptr<ProbeTask> make_grpc_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket) {
    return std::make_unique<GrpcProbe>(host, std::move(job), std::move(socket));
}

} // namespace labctl::dataplane
