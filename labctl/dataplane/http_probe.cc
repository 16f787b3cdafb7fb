#include <algorithm>
#include <optional>
#include <string>

#include "labctl/dataplane/exchange_probe.h"
#include "labctl/dataplane/probe_tasks.h"
#include "labctl/dataplane/probe_tls.h"
#include "labctl/dataplane/wire.h"
#include "labctl/dataplane/workload.h"
#include "mesh/http/parser.h"

namespace labctl::dataplane {
namespace {

mesh::ParserOptions response_options() {
    mesh::ParserOptions options;
    options.head_bytes_max = kHeadBytesKept;
    return options;
}

/// http and https: whole exchanges, one or several in a row over the connection.
class HttpProbe final : public ExchangeProbe {
public:
    HttpProbe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket)
        : ExchangeProbe(host, std::move(job), std::move(socket)),
          parser_(this->job().what->method, response_options()) {
        const auto& what = *this->job().what;
        if (what.scheme == probe::Scheme::Https) {
            tls_.emplace(what.tls, what.tls_host);
        }
    }

private:
    void begin() override {
        const auto& request = job().what->payload;
        if (tls_) {
            tls_->write(request);
            out_ += tls_->take_output();
        } else {
            out_ += request;
        }
        body_.clear();
        parser_.on_body([this](std::string_view piece) {
            body_.append(piece.substr(0, kBodyBytesKept - std::min(kBodyBytesKept, body_.size())));
        });
    }

    void on_deadline() override {
        finish_timeout(
            !connected()                  ? "connect"
            : tls_ && !tls_->handshaken() ? "TLS handshake after connect"
                                          : job().what->method + " after connect");
    }

    void take(std::string_view bytes) override { tls_ ? decrypt(bytes) : take_plain(bytes); }

    void decrypt(std::string_view bytes) {
        const bool ends = bytes.empty();
        if (ends && !tls_->handshaken()) {
            tls_->end_of_input();
        }
        tls_->feed(bytes);
        const auto plain = tls_->take_plain();
        out_ += tls_->take_output();
        if (!plain.empty()) {
            take_plain(plain);
        }
        if (ended()) {
            return;
        }
        if (tls_->failed()) {
            return fail_tls();
        }
        // Many a server closes without saying so (close_notify); what it has sent is judged as
        // HTTP's framing has it, the same as without TLS.
        if (ends || tls_->peer_closed()) {
            return take_plain({});
        }
        if (!out_.empty()) {
            (void)send_waiting();
        }
    }

    void fail_tls() {
        if (may_be_stale()) {
            return end();
        }
        ProbeOutcome outcome;
        outcome.outcome = probe::Outcome::TlsError;
        outcome.rtt_us = elapsed_us();
        outcome.detail = (tls_->handshaken() ? "TLS: " : "TLS handshake: ") + tls_->error();
        note_tls(*tls_, outcome);
        say_last_words(); // the alert that tells the server why
        finish(std::move(outcome));
    }

    /// To a server of TLS.
    void say_last_words() override {
        if (tls_) {
            tls_->close();
            out_ += tls_->take_output();
            send_last();
        }
    }

    void take_plain(std::string_view bytes) {
        answered_ = answered_ || !bytes.empty();
        if (bytes.empty()) {
            parser_.finish();
        }
        const bool left_over = parser_.feed(bytes) < bytes.size();
        if (parser_.complete()) {
            const bool reusable = parser_.keep_alive() && !left_over && !bytes.empty();
            return exchanged(outcome_of(parser_.take(job().what->method)), reusable);
        }
        if (parser_.failed() || bytes.empty()) {
            may_be_stale()
                ? end()
                : finish_reset(
                      "HTTP response: " + (answered_ && parser_.failed()
                                               ? parser_.error().text
                                               : std::string("the peer closed without an answer")));
        }
    }

    ProbeOutcome outcome_of(const mesh::Response& response) {
        ProbeOutcome outcome;
        outcome.outcome = probe::Outcome::Ok;
        outcome.rtt_us = elapsed_us();
        probe::Http http;
        http.status = response.status;
        add_fields(response.headers, http.headers);
        http.body = std::move(body_);
        note_identity(
            response.headers.get(kBackendField), response.headers.get(kClientField), outcome);
        outcome.http = std::move(http);
        if (tls_) {
            note_tls(*tls_, outcome);
        }
        return outcome;
    }

    mesh::ResponseParser parser_;
    std::optional<mesh::TlsClientSession> tls_; // of https
    std::string body_;
};

} // namespace

std::unique_ptr<ProbeTask> make_http_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket) {
    return std::make_unique<HttpProbe>(host, std::move(job), std::move(socket));
}

} // namespace labctl::dataplane
