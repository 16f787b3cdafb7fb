#include "labctl/stream/spdy_session.h"

namespace labctl::stream {

namespace {

constexpr std::uint32_t kGoAwayOk = 0;
constexpr std::uint32_t kGoAwayProtocolError = 1;
constexpr std::size_t kDataBytesMax = 0xffffff; // a length has 24 bits

/// Streams and pings of clients have odd numbers (sections 2.3.2 and 2.6.5).
bool is_of_client(std::uint32_t number) {
    return number % 2 == 1;
}

} // namespace

std::optional<SpdyEvent> SpdySession::next() {
    if (pending_) {
        return std::exchange(pending_, std::nullopt);
    }
    while (!over_) {
        auto frame = reader_.next();
        if (reader_.failed()) {
            fail();
            break;
        }
        if (!frame) {
            break;
        }
        if (auto event = handle(*frame)) {
            return event;
        }
    }
    return std::nullopt;
}

std::optional<SpdyEvent> SpdySession::handle(SpdyFrame& frame) {
    switch (frame.type) {
    case SpdyType::SynStream:
        return opened(frame);
    case SpdyType::Data:
        return data(frame);
    case SpdyType::RstStream:
        if (streams_.erase(frame.stream) > 0) {
            return SpdyEvent{SpdyEvent::Kind::Reset, frame.stream, {}, {}};
        }
        break;
    case SpdyType::Ping:
        if (is_of_client(frame.value)) {
            output_ += spdy_ping(frame.value);
        }
        break;
    case SpdyType::GoAway:
        over_ = true;
        break;
    default: // headers that come later, settings and windows mean nothing here
        break;
    }
    return std::nullopt;
}

std::optional<SpdyEvent> SpdySession::opened(SpdyFrame& frame) {
    // A number that is no client's, or not larger than the last one, ends the session (2.3.2).
    if (!is_of_client(frame.stream) || frame.stream <= last_) {
        fail();
        return std::nullopt;
    }
    last_ = frame.stream;
    if (gone_away_) {
        return std::nullopt; // section 2.6.6: it is to be ignored
    }
    if (streams_.size() >= kSpdyStreamsMax) {
        output_ += spdy_rst_stream(frame.stream, SpdyStatus::RefusedStream);
        return std::nullopt;
    }
    streams_.emplace(frame.stream, Stream{true, !frame.fin});
    output_ += spdy_syn_reply(frame.stream, headers_.write({}));
    if (frame.fin) {
        pending_ = SpdyEvent{SpdyEvent::Kind::Ended, frame.stream, {}, {}};
    }
    return SpdyEvent{SpdyEvent::Kind::Opened, frame.stream, std::move(frame.headers), {}};
}

std::optional<SpdyEvent> SpdySession::data(SpdyFrame& frame) {
    const auto found = streams_.find(frame.stream);
    if (found == streams_.end()) {
        // What was on its way when a stream ended is no mistake; what never was open is one.
        if (frame.stream > last_ || !is_of_client(frame.stream)) {
            output_ += spdy_rst_stream(frame.stream, SpdyStatus::InvalidStream);
        }
        return std::nullopt;
    }
    if (!found->second.theirs) {
        output_ += spdy_rst_stream(frame.stream, SpdyStatus::StreamAlreadyClosed);
        streams_.erase(found);
        return SpdyEvent{SpdyEvent::Kind::Reset, frame.stream, {}, {}};
    }
    std::optional<SpdyEvent> ended;
    if (frame.fin) {
        found->second.theirs = false;
        forget_closed(found);
        ended = SpdyEvent{SpdyEvent::Kind::Ended, frame.stream, {}, {}};
    }
    if (frame.bytes.empty()) {
        return ended;
    }
    pending_ = std::move(ended);
    return SpdyEvent{SpdyEvent::Kind::Data, frame.stream, {}, std::move(frame.bytes)};
}

void SpdySession::send(std::uint32_t stream, std::string_view bytes) {
    const auto found = streams_.find(stream);
    if (found == streams_.end() || !found->second.ours) {
        return;
    }
    while (!bytes.empty()) {
        const auto piece = bytes.substr(0, kDataBytesMax);
        output_ += spdy_data(stream, piece, false);
        bytes.remove_prefix(piece.size());
    }
}

void SpdySession::finish(std::uint32_t stream) {
    const auto found = streams_.find(stream);
    if (found == streams_.end() || !found->second.ours) {
        return;
    }
    output_ += spdy_data(stream, {}, true);
    found->second.ours = false;
    forget_closed(found);
}

void SpdySession::reset(std::uint32_t stream, SpdyStatus status) {
    if (streams_.erase(stream) > 0) {
        output_ += spdy_rst_stream(stream, status);
    }
}

void SpdySession::go_away() {
    if (!gone_away_) {
        gone_away_ = true;
        output_ += spdy_go_away(last_, kGoAwayOk);
    }
}

void SpdySession::forget_closed(Streams::iterator stream) {
    if (!stream->second.ours && !stream->second.theirs) {
        streams_.erase(stream);
    }
}

void SpdySession::fail() {
    over_ = true;
    if (!gone_away_) {
        gone_away_ = true;
        output_ += spdy_go_away(last_, kGoAwayProtocolError);
    }
}

} // namespace labctl::stream
