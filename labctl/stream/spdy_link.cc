#include "labctl/stream/spdy_link.h"

#include <utility>

namespace labctl::stream {

SpdyLink::SpdyLink(ByteLink& link, Handlers handlers)
    : link_(link), handlers_(std::move(handlers)) {
    link_.handle(
        {[this](std::string_view bytes) { take(bytes); },
         [this] {
             link_.pause(paused_);
             handlers_.room();
         },
         [this] { tell_gone(); }});
}

void SpdyLink::take(std::string_view bytes) {
    session_.feed(bytes);
    while (auto event = finished_ ? std::nullopt : session_.next()) {
        handlers_.event(*event);
    }
    flush();
    if (session_.over()) {
        tell_gone();
    }
}

/// What a client asks for (pings, streams that are refused) makes output, too, so one that does not
/// read is not listened to.
void SpdyLink::flush() {
    link_.send(session_.take_output());
    if (link_.congested()) {
        link_.pause(true);
    }
}

void SpdyLink::send(std::uint32_t stream, std::string_view bytes) {
    session_.send(stream, bytes);
    flush();
}

void SpdyLink::finish_stream(std::uint32_t stream) {
    session_.finish(stream);
    flush();
}

void SpdyLink::reset(std::uint32_t stream, SpdyStatus status) {
    session_.reset(stream, status);
    flush();
}

void SpdyLink::pause(bool paused) {
    paused_ = paused;
    link_.pause(paused_ || link_.congested());
}

void SpdyLink::finish() {
    if (!std::exchange(finished_, true)) {
        session_.go_away();
        flush();
        link_.finish();
    }
}

void SpdyLink::tell_gone() {
    if (!std::exchange(gone_, true)) {
        handlers_.gone();
    }
}

} // namespace labctl::stream
