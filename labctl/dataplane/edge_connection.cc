#include "labctl/dataplane/edge_connection.h"

#include <utility>

#include "labctl/dataplane/http1_connection.h"
#include "labctl/dataplane/http2_connection.h"
#include "labctl/dataplane/sniff.h"
#include "mesh/tls/session.h"

namespace labctl::dataplane {
namespace {

constexpr std::chrono::seconds kEdgeAlertMax{2}; // to take it

} // namespace

EdgeConnection::EdgeConnection(
    netemu::EventLoop& loop,
    EdgePod& pod,
    HttpClient client,
    std::unique_ptr<ClientStream> stream,
    Closed closed)
    : loop_(loop), pod_(pod), client_(std::move(client)), closed_(std::move(closed)),
      stream_(std::move(stream)), since_(netemu::Clock::now()) {
}

void EdgeConnection::start(std::string_view bytes) {
    auto& stream = *stream_; // it may be carried on in there
    if (!client_.tls && !pod_.takes_h2c()) {
        carry(false);
        return http_->start(bytes);
    }
    stream.set_listener(*this);
    stream.start(bytes);
}

void EdgeConnection::carry(bool http2) {
    const auto closed = [this](HttpConnection&) { close(); };
    if (http2) {
        http_ = std::make_unique<Http2Connection>(loop_, pod_, client_, std::move(stream_), closed);
    } else {
        http_ = std::make_unique<Http1Connection>(loop_, pod_, client_, std::move(stream_), closed);
    }
}

void EdgeConnection::expire(netemu::Clock::time_point now) {
    if (http_) {
        return http_->expire(now);
    }
    if (now - since_ > (failed_ ? kEdgeAlertMax : kHttpIdleMax)) {
        close();
    }
}

void EdgeConnection::on_client_secured() {
    client_.server_name = stream_->tls()->server_name();
    carry(stream_->tls()->alpn() == "h2");
}

void EdgeConnection::on_client_bytes(std::string_view bytes) {
    held_.append(bytes);
    look(false);
}

/// Whatever is not HTTP/2 is HTTP/1's to answer.
void EdgeConnection::look(bool has_ended) {
    const bool undecided = mesh::kH2Preface.starts_with(held_) && held_ != mesh::kH2Preface;
    if (undecided && !has_ended) {
        return;
    }
    carry(sniff(held_) == Speech::Http2);
    http_->take_over(std::exchange(held_, {}), has_ended);
}

void EdgeConnection::on_client_ended() {
    client_.tls || held_.empty() ? close() : look(true);
}

void EdgeConnection::on_client_failed(const std::string& why) {
    if (why.empty()) {
        return close();
    }
    pod_.log(client_, "TLS: " + why, 0, 0);
    failed_ = true; // until the client's end, or `expire`
    since_ = netemu::Clock::now();
}

void EdgeConnection::close() {
    if (!std::exchange(over_, true)) {
        if (stream_) {
            stream_->close();
        }
        closed_(*this);
    }
}

} // namespace labctl::dataplane
