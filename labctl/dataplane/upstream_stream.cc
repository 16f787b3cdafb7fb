#include "labctl/dataplane/upstream_stream.h"

#include <cerrno>
#include <utility>

#include "mesh/tls/session.h"

namespace labctl::dataplane {

UpstreamStream::UpstreamStream(
    netemu::EventLoop& loop, netemu::UniqueFd socket, Upstream upstream, StreamListener& listener)
    : upstream_(std::move(upstream)), listener_(&listener), socket_(loop, std::move(socket), *this),
      sender_(socket_, upstream_.tls != nullptr) {
}

UpstreamStream::~UpstreamStream() = default;

void UpstreamStream::connect() {
    socket_.connect(upstream_.endpoint, upstream_.source);
}

void UpstreamStream::on_connected() {
    if (!upstream_.tls) {
        connected_ = true;
        return listener_->on_connected();
    }
    tls_ = std::make_unique<mesh::TlsClientSession>(upstream_.tls, upstream_.server_name);
    sender_.use(*tls_);
    sender_.flush_session();
}

void UpstreamStream::on_received(std::string_view bytes) {
    if (!tls_) {
        return listener_->on_received(bytes);
    }
    tls_->feed(bytes);
    take_tls();
}

/// What has come of the bytes that were fed.
void UpstreamStream::take_tls() {
    sender_.flush_session();
    if (!connected_ && tls_->handshaken()) {
        connected_ = true;
        socket_.pause(paused_);
        listener_->on_connected();
    }
    const auto plain = tls_->take_plain();
    if (!plain.empty() && socket_.is_open()) {
        listener_->on_received(plain);
    }
    if (!socket_.is_open()) {
        return;
    }
    if (tls_->failed()) {
        tls_problem_ = tls_->error();
        socket_.close(); // the alert is sent
        listener_->on_failed(EPROTO);
    } else if (tls_->peer_closed() && !std::exchange(ended_, true)) {
        listener_->on_ended();
    }
}

void UpstreamStream::on_ended() {
    if (!tls_) {
        ended_ = true;
        return listener_->on_ended();
    }
    if (!ended_) {
        tls_->end_of_input();
        take_tls();
    }
}

void UpstreamStream::on_failed(int error) {
    listener_->on_failed(error);
}

/// A handshake goes on in any case.
void UpstreamStream::pause(bool paused) {
    paused_ = paused;
    if (connected_ || !upstream_.tls) {
        socket_.pause(paused);
    }
}

} // namespace labctl::dataplane
