#include "labctl/stream/spdy_command_peer.h"

namespace labctl::stream {

SpdyCommandPeer::SpdyCommandPeer(netemu::EventLoop& loop, ByteLink& link, CommandStreams streams)
    : loop_(loop), link_(
                       link,
                       {[this](SpdyEvent& event) { take(event); },
                        [this] { handlers_.room(); },
                        [this] { handlers_.gone(); }}) {
    streams_["error"] = 0;
    for (const auto& [type, wanted] :
         {std::pair{"stdin", streams.input},
          std::pair{"stdout", streams.output},
          std::pair{"stderr", streams.error && !streams.terminal},
          std::pair{"resize", streams.terminal}}) {
        if (wanted) {
            streams_[type] = 0;
        }
    }
    missing_ = streams_.size();
}

void SpdyCommandPeer::start(Handlers handlers) {
    handlers_ = std::move(handlers);
    timer_ = loop_.after(std::chrono::seconds(kStreamsSeconds), [this] { handlers_.gone(); });
}

void SpdyCommandPeer::take(SpdyEvent& event) {
    const auto is = [&](const char* type) {
        const auto id = stream(type);
        return id != 0 && id == event.stream;
    };
    switch (event.kind) {
    case SpdyEvent::Kind::Opened:
        opened(event);
        break;
    case SpdyEvent::Kind::Data:
        if (is("stdin")) {
            handlers_.input(event.bytes);
        } else if (is("resize")) {
            take_resize(event.bytes);
        }
        break;
    case SpdyEvent::Kind::Ended:
    case SpdyEvent::Kind::Reset:
        if (is("stdin")) {
            handlers_.end_of_input();
        }
        break;
    }
}

void SpdyCommandPeer::opened(SpdyEvent& event) {
    const auto found = streams_.find(std::string(header_value(event.headers, "streamtype")));
    if (found == streams_.end() || found->second != 0) {
        link_.reset(event.stream, SpdyStatus::RefusedStream);
        return;
    }
    found->second = event.stream;
    if (--missing_ == 0) {
        loop_.cancel(timer_);
        handlers_.ready();
    }
}

/// One JSON object behind the other, wherever frames begin and end.
void SpdyCommandPeer::take_resize(std::string_view bytes) {
    for (const char each : bytes) {
        size_ += each;
        if (each == '}') {
            handlers_.resize(parse_terminal_size(size_));
            size_.clear();
        } else if (size_.size() > kTerminalSizeBytesMax) {
            size_.clear();
        }
    }
}

std::uint32_t SpdyCommandPeer::stream(const std::string& type) const {
    const auto found = streams_.find(type);
    return found == streams_.end() ? 0 : found->second;
}

void SpdyCommandPeer::output(OutputChannel channel, std::string_view bytes) {
    link_.send(stream(channel == OutputChannel::Output ? "stdout" : "stderr"), bytes);
}

void SpdyCommandPeer::finish(const std::string& status) {
    link_.send(stream("error"), status);
    for (const auto& [type, id] : streams_) {
        link_.finish_stream(id);
    }
    link_.finish();
}

} // namespace labctl::stream
