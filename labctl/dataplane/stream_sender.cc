#include "labctl/dataplane/stream_sender.h"

#include "mesh/tls/session.h"

namespace labctl::dataplane {

void StreamSender::send(std::string_view bytes) {
    if (!secure_) {
        return socket_.send(bytes);
    }
    put(bytes);
    flush();
}

void StreamSender::put(std::string_view bytes) {
    if (secure_) {
        plain_.append(bytes);
    } else {
        socket_.put(bytes);
    }
}

void StreamSender::flush() {
    if (session_ != nullptr && !plain_.empty()) {
        session_->write(plain_);
        plain_.clear();
        flush_session();
    }
    socket_.flush();
}

void StreamSender::flush_session() {
    const auto output = session_->take_output();
    if (!output.empty()) {
        socket_.send(output);
    }
}

void StreamSender::finish() {
    if (session_ != nullptr) {
        flush();
        session_->close();
        flush_session();
    }
    socket_.finish();
}

} // namespace labctl::dataplane
