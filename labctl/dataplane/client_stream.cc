#include "labctl/dataplane/client_stream.h"

#include <utility>

#include "mesh/tls/session.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kTlsUnsentMax = 4 * kStreamUnsentMax;

} // namespace

ClientStream::ClientStream(
    netemu::EventLoop& loop,
    netemu::UniqueFd socket,
    const std::shared_ptr<const mesh::TlsServerConfig>& tls)
    : tls_(tls ? std::make_unique<mesh::TlsServerSession>(tls) : nullptr),
      socket_(loop, std::move(socket), *this), sender_(socket_, tls_ != nullptr) {
    if (tls_) {
        sender_.use(*tls_);
    }
}

ClientStream::~ClientStream() = default;

void ClientStream::start(std::string_view bytes) {
    socket_.start();
    if (!bytes.empty()) {
        on_received(bytes);
    }
}

void ClientStream::on_received(std::string_view bytes) {
    if (!tls_) {
        return listener_->on_client_bytes(bytes);
    }
    if (failed_) {
        return;
    }
    tls_->feed(bytes);
    sender_.flush_session();
    if (!secured_ && tls_->handshaken()) {
        secured_ = true;
        listener_->on_client_secured();
    }
    const auto plain = tls_->take_plain();
    if (!plain.empty() && socket_.is_open()) {
        listener_->on_client_bytes(plain);
    } else if (plain.empty() && socket_.is_open()) {
        limit_answers();
    }
    if (!socket_.is_open()) {
        return;
    }
    if (tls_->failed()) {
        failed_ = true;
        socket_.finish(); // behind the alert
        listener_->on_client_failed(tls_->error());
    } else if (tls_->peer_closed()) {
        on_ended();
    }
}

void ClientStream::on_ended() {
    if (!std::exchange(ended_, true)) {
        listener_->on_client_ended();
    }
}

bool ClientStream::cut_short() const {
    return tls_ && ended_ && !tls_->peer_closed();
}

void ClientStream::on_failed(int /*error*/) {
    listener_->on_client_failed({});
}

void ClientStream::on_drained() {
    listener_->on_client_drained();
}

void ClientStream::on_finished() {
    listener_->on_client_finished();
}

/// What TLS itself has to say to a client that makes it speak, and does not listen (key updates,
/// RFC 8446 section 4.6.3).
void ClientStream::limit_answers() {
    if (socket_.unsent() > kTlsUnsentMax) {
        socket_.abort();
        listener_->on_client_failed({});
    }
}

} // namespace labctl::dataplane
