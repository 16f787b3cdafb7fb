#include "labctl/stream/spdy_forward_peer.h"

#include <algorithm>
#include <charconv>

namespace labctl::stream {

namespace {

/// 1 to 65535; 0 for what is none.
std::uint16_t parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc() && end == text.data() + text.size() ? port : std::uint16_t{0};
}

} // namespace

SpdyForwardPeer::SpdyForwardPeer(ByteLink& link)
    : link_(
          link,
          {[this](SpdyEvent& event) { take(event); },
           [this] { handlers_.room(); },
           [this] { handlers_.gone(); }}) {
}

void SpdyForwardPeer::take(SpdyEvent& event) {
    if (event.kind == SpdyEvent::Kind::Opened) {
        opened(event);
        return;
    }
    if (event.kind == SpdyEvent::Kind::Reset) {
        std::erase_if(errors_, [&](const auto& each) { return each.second == event.stream; });
    }
    if (!error_streams_.contains(event.stream)) {
        return; // an error stream: kubectl ends its half at once
    }
    switch (event.kind) {
    case SpdyEvent::Kind::Data:
        handlers_.input(event.stream, event.bytes);
        break;
    case SpdyEvent::Kind::Ended:
        handlers_.end_of_input(event.stream);
        break;
    default:
        link_.finish_stream(error_streams_.at(event.stream));
        error_streams_.erase(event.stream);
        handlers_.reset(event.stream);
        break;
    }
}

void SpdyForwardPeer::opened(const SpdyEvent& event) {
    const auto type = header_value(event.headers, "streamtype");
    const std::string request(header_value(event.headers, "requestid"));
    const auto port = parse_port(header_value(event.headers, "port"));
    const auto error = errors_.find(request);
    if (type == "error" && port != 0 && error == errors_.end()) {
        errors_[request] = event.stream;
    } else if (type == "data" && port != 0 && error != errors_.end()) {
        error_streams_[event.stream] = error->second;
        errors_.erase(error);
        handlers_.open(event.stream, port);
    } else {
        link_.reset(event.stream, SpdyStatus::ProtocolError);
    }
}

void SpdyForwardPeer::output(Connection connection, std::string_view bytes) {
    link_.send(connection, bytes);
}

void SpdyForwardPeer::end_of_output(Connection connection) {
    link_.finish_stream(connection);
}

void SpdyForwardPeer::close(Connection connection, const std::string& error) {
    const auto found = error_streams_.find(connection);
    if (found == error_streams_.end()) {
        return;
    }
    link_.send(found->second, error);
    link_.finish_stream(found->second);
    link_.finish_stream(connection);
    error_streams_.erase(found);
}

} // namespace labctl::stream
