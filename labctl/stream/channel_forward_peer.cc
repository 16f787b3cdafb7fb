#include "labctl/stream/channel_forward_peer.h"

#include <utility>

namespace labctl::stream {

namespace {

std::string data_channel(ForwardPeer::Connection connection) {
    return {static_cast<char>(2 * connection)};
}

std::string error_channel(ForwardPeer::Connection connection) {
    return {static_cast<char>(2 * connection + 1)};
}

} // namespace

void ChannelForwardPeer::start(Handlers handlers) {
    handlers_ = std::move(handlers);
    link_.handle(
        {[this](std::string_view piece, bool begins, bool /*ends*/) { take(piece, begins); },
         [this] { handlers_.room(); },
         [this] { handlers_.gone(); }});
    loop_.after(std::chrono::microseconds(0), [this] { begin(); });
}

void ChannelForwardPeer::begin() {
    if (std::exchange(begun_, true)) {
        return;
    }
    for (Connection i = 0; i < ports_.size(); ++i) {
        const std::string port{
            static_cast<char>(ports_[i] & 0xffU), static_cast<char>(ports_[i] >> 8U)};
        link_.send(data_channel(i), port);
        link_.send(error_channel(i), port);
    }
    for (Connection i = 0; i < ports_.size(); ++i) {
        handlers_.open(i, ports_[i]);
    }
}

void ChannelForwardPeer::take(std::string_view piece, bool begins) {
    begin(); // a client that has seen the upgrade may be faster than the loop
    if (begins) {
        channel_.reset();
    }
    if (!channel_ && !piece.empty()) {
        channel_ = static_cast<unsigned char>(piece.front());
        piece.remove_prefix(1);
    }
    if (!piece.empty() && *channel_ % 2 == 0 && *channel_ / 2U < ports_.size()) {
        handlers_.input(*channel_ / 2U, piece);
    }
}

void ChannelForwardPeer::output(Connection connection, std::string_view bytes) {
    link_.send(data_channel(connection), bytes);
}

void ChannelForwardPeer::close(Connection connection, const std::string& error) {
    if (!error.empty()) {
        link_.send(error_channel(connection), error);
    }
    if (++closed_ == ports_.size()) {
        link_.finish();
    }
}

} // namespace labctl::stream
