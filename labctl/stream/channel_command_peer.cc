#include "labctl/stream/channel_command_peer.h"

namespace labctl::stream {

namespace {

constexpr unsigned char kInput = 0;
constexpr unsigned char kStatus = 3;
constexpr unsigned char kResize = 4;
constexpr unsigned char kClose = 255;

std::string prefix(unsigned char channel) {
    return {static_cast<char>(channel)};
}

} // namespace

void ChannelCommandPeer::start(Handlers handlers) {
    handlers_ = std::move(handlers);
    link_.handle(
        {[this](std::string_view piece, bool begins, bool ends) { take(piece, begins, ends); },
         [this] { handlers_.room(); },
         [this] { handlers_.gone(); }});
    loop_.after(std::chrono::microseconds(0), [this] {
        // Kubernetes' servers begin with an empty message on the lowest channel, by which clients
        // know that they are connected.
        link_.send(
            prefix(
                streams_.output  ? static_cast<unsigned char>(OutputChannel::Output)
                : streams_.error ? static_cast<unsigned char>(OutputChannel::Error)
                                 : kStatus),
            {});
        handlers_.ready();
    });
}

void ChannelCommandPeer::take(std::string_view piece, bool begins, bool ends) {
    if (begins) {
        channel_.reset();
        small_.clear();
    }
    if (!channel_) {
        if (piece.empty()) {
            return;
        }
        channel_ = static_cast<unsigned char>(piece.front());
        piece.remove_prefix(1);
    }
    if (*channel_ == kInput && streams_.input) {
        if (!piece.empty()) {
            handlers_.input(piece);
        }
    } else if (*channel_ == kResize || *channel_ == kClose) {
        take_small(*channel_, piece, ends);
    } // other channels are the server's, or of later versions
}

void ChannelCommandPeer::take_small(unsigned char channel, std::string_view piece, bool ends) {
    small_ += piece.substr(0, kTerminalSizeBytesMax + 1 - small_.size());
    if (!ends || small_.size() > kTerminalSizeBytesMax) {
        return;
    }
    if (channel == kResize) {
        handlers_.resize(parse_terminal_size(small_));
    } else if (closes_ && streams_.input && small_ == prefix(kInput)) {
        handlers_.end_of_input();
    }
}

void ChannelCommandPeer::output(OutputChannel channel, std::string_view bytes) {
    link_.send(prefix(static_cast<unsigned char>(channel)), bytes);
}

void ChannelCommandPeer::finish(const std::string& status) {
    link_.send(prefix(kStatus), status);
    link_.finish();
}

} // namespace labctl::stream
