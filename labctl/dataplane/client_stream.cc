#include "labctl/dataplane/client_stream.h"

#include <utility>

#include "mesh/tls/session.h"

namespace labctl::dataplane {

ClientStream::ClientStream(
    netemu::EventLoop& loop,
    netemu::UniqueFd socket,
    const std::shared_ptr<const mesh::TlsServerConfig>& tls)
    : tls_(tls ? std::make_unique<mesh::TlsServerSession>(tls) : nullptr),
      socket_(loop, std::move(socket), *this) {
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
    send_output();
    const auto plain = tls_->take_plain();
    if (!plain.empty()) {
        listener_->on_client_bytes(plain);
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

void ClientStream::on_failed(int /*error*/) {
    listener_->on_client_failed({});
}

void ClientStream::on_drained() {
    listener_->on_client_drained();
}

void ClientStream::on_finished() {
    listener_->on_client_finished();
}

void ClientStream::send_output() {
    const auto output = tls_->take_output();
    if (!output.empty()) {
        socket_.send(output);
    }
}

void ClientStream::send(std::string_view bytes) {
    if (!tls_) {
        return socket_.send(bytes);
    }
    put(bytes);
    flush();
}

void ClientStream::put(std::string_view bytes) {
    if (tls_) {
        plain_.append(bytes);
    } else {
        socket_.put(bytes);
    }
}

void ClientStream::flush() {
    if (tls_ && !plain_.empty()) {
        tls_->write(plain_);
        plain_.clear();
        send_output();
    }
    socket_.flush();
}

void ClientStream::finish() {
    if (tls_) {
        flush();
        tls_->close();
        send_output();
    }
    socket_.finish();
}

} // namespace labctl::dataplane
