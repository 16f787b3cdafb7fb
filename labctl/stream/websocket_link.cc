#include "labctl/stream/websocket_link.h"

#include <utility>

namespace labctl::stream {

WebSocketLink::WebSocketLink(ByteLink& link) : link_(link) {
    link_.handle(
        {[this](std::string_view bytes) { take(bytes); },
         [this] {
             if (std::exchange(has_ping_, false)) {
                 link_.send(websocket_frame(WebSocketOpcode::Pong, ping_));
             }
             if (!closed_ && handlers_.room) {
                 handlers_.room();
             }
         },
         [this] { tell_gone(); }});
}

void WebSocketLink::take(std::string_view bytes) {
    reader_.feed(bytes);
    while (!closed_) {
        auto event = reader_.next();
        if (reader_.failed()) {
            close(reader_.error_code(), reader_.error());
            tell_gone();
        }
        if (!event) {
            return;
        }
        switch (event->kind) {
        case WebSocketEvent::Kind::Data:
            handlers_.message(event->bytes, event->begins, event->ends);
            break;
        case WebSocketEvent::Kind::Ping:
            answer_ping(std::move(event->bytes));
            break;
        case WebSocketEvent::Kind::Pong:
            break;
        case WebSocketEvent::Kind::Close:
            close(WebSocketClose::Normal, {});
            tell_gone();
            break;
        }
    }
}

/// Of many pings only the last one needs an answer (RFC 6455, section 5.5.3), so that a client that
/// does not read costs no memory.
void WebSocketLink::answer_ping(std::string payload) {
    if (link_.congested()) {
        ping_ = std::move(payload);
        has_ping_ = true;
        return;
    }
    link_.send(websocket_frame(WebSocketOpcode::Pong, payload));
}

void WebSocketLink::send(std::string_view head, std::string_view body) {
    if (closed_) {
        return;
    }
    auto frame = websocket_head(WebSocketOpcode::Binary, head.size() + body.size());
    frame.append(head).append(body);
    link_.send(frame);
}

void WebSocketLink::finish() {
    close(WebSocketClose::Normal, {});
}

void WebSocketLink::close(WebSocketClose code, std::string_view why) {
    if (!std::exchange(closed_, true)) {
        link_.send(websocket_close(code, why));
        link_.finish();
    }
}

void WebSocketLink::tell_gone() {
    if (!std::exchange(gone_, true)) {
        handlers_.gone();
    }
}

void WebSocketTunnel::handle(Handlers handlers) {
    link_.handle(
        {[input = std::move(handlers.input)](std::string_view piece, bool, bool) {
             if (!piece.empty()) {
                 input(piece);
             }
         },
         std::move(handlers.room),
         std::move(handlers.gone)});
}

} // namespace labctl::stream
