#include <utility>

#include <nghttp2/nghttp2.h>

#include "mesh/http/h2_streams_impl.h"

namespace mesh {

namespace {

constexpr std::size_t kFieldOverhead = 32; // as RFC 9113 section 6.5.2 counts

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size}; // NOLINT: bytes are bytes
}

} // namespace

struct H2Streams::Impl::Incoming {
    static int
    on_begin_headers(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
        auto& owner = self(user);
        if (owner.role_ == Role::Server && frame->hd.type == NGHTTP2_HEADERS &&
            frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
            owner.streams_[frame->hd.stream_id].request.method.clear();
        }
        return 0;
    }

    // NOLINTNEXTLINE(readability-function-size): nghttp2's signature, as the three below
    static int on_header(
        nghttp2_session* /*session*/,
        const nghttp2_frame* frame,
        const std::uint8_t* name,
        std::size_t name_size,
        const std::uint8_t* value,
        std::size_t value_size,
        std::uint8_t /*flags*/,
        void* user) {
        if (auto* const stream = self(user).find(frame->hd.stream_id)) {
            self(user).take_field(*stream, view(name, name_size), view(value, value_size));
        }
        return 0;
    }

    /// Without this, nghttp2 passes such a field over; the message is malformed (RFC 9113 section
    /// 8.2.1).
    // NOLINTNEXTLINE(readability-function-size)
    static int on_invalid_header(
        nghttp2_session* /*session*/,
        const nghttp2_frame* /*frame*/,
        const std::uint8_t* /*name*/,
        std::size_t /*name_size*/,
        const std::uint8_t* /*value*/,
        std::size_t /*value_size*/,
        std::uint8_t /*flags*/,
        void* /*user*/) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; // it resets the stream
    }

    // NOLINTNEXTLINE(readability-function-size)
    static int on_data(
        nghttp2_session* session,
        std::uint8_t /*flags*/,
        std::int32_t id,
        const std::uint8_t* data,
        std::size_t size,
        void* user) {
        auto& owner = self(user);
        (void)nghttp2_session_consume_connection(session, size);
        auto* stream = owner.find(id);
        if (stream == nullptr || stream->too_large) {
            return 0;
        }
        const bool fine = owner.told([&] { owner.listener_.on_h2_body(id, view(data, size)); });
        stream = owner.find(id); // it may have been reset
        if (stream != nullptr && stream->paused) {
            stream->unconsumed += size;
        } else if (stream != nullptr) {
            owner.consume(id, size);
        }
        return fine ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }

    static int on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
        const bool head = frame->hd.type == NGHTTP2_HEADERS;
        if (!head && frame->hd.type != NGHTTP2_DATA) {
            return 0;
        }
        auto& owner = self(user);
        const bool fine = owner.told([&] {
            owner.take_frame(
                frame->hd.stream_id, head, (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0);
        });
        return fine ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }

    static int
    on_close(nghttp2_session* /*session*/, std::int32_t id, std::uint32_t code, void* user) {
        auto& owner = self(user);
        const auto closed = owner.streams_.extract(id);
        if (closed.empty()) {
            return 0; // reset from here
        }
        const auto& stream = closed.mapped();
        const bool in_order = stream.in_ended && stream.out_ended && code == NGHTTP2_NO_ERROR;
        const bool unknown = owner.role_ == Role::Server && !stream.head_told;
        const auto told_code = stream.unsendable ? kH2InternalError : code;
        if (!unknown) {
            (void)owner.told([&] {
                in_order ? owner.listener_.on_h2_closed(id)
                         : owner.listener_.on_h2_reset(id, told_code);
            });
        }
        return 0; // nghttp2 would forget the frame that it is about to send; `failure_` is told of
    }
};

void H2Streams::Impl::set_incoming(nghttp2_session_callbacks* callbacks) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Incoming::on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, Incoming::on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(
        callbacks, Incoming::on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Incoming::on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Incoming::on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Incoming::on_close);
}

// --- what they have brought

void H2Streams::Impl::take_field(
    Stream& stream, std::string_view name, std::string_view value) const {
    stream.head_bytes += name.size() + value.size() + kFieldOverhead;
    if (stream.head_bytes > options_.head_bytes_max) {
        stream.too_large = true;
        return;
    }
    if (stream.head_told) {
        stream.trailers.add(std::string(name), std::string(value));
    } else if (role_ == Role::Client) {
        take_h2_response_field(stream.response, name, value);
    } else {
        take_h2_request_field(stream.request, name, value);
    }
}

void H2Streams::Impl::take_frame(std::int32_t id, bool head, bool ends) {
    auto* stream = find(id);
    if (stream == nullptr) {
        return;
    }
    stream->in_ended = ends;
    if (head && stream->too_large) {
        return tell_too_large(id, *stream);
    }
    if (head && !stream->head_told) {
        return tell_head(id, *stream, ends);
    }
    if (ends && !stream->too_large) {
        const auto trailers = std::move(stream->trailers);
        listener_.on_h2_end(id, trailers);
    }
}

void H2Streams::Impl::tell_head(std::int32_t id, Stream& stream, bool ends) {
    constexpr int kInterim = 100;
    constexpr int kFinal = 200;
    const bool server = role_ == Role::Server;
    if (!server && stream.response.status < kInterim) { // RFC 9110 section 15
        return tell_reset(id, kH2ProtocolError);
    }
    if (!server && stream.response.status < kFinal) { // an interim answer
        stream.response = {};
        return;
    }
    stream.head_told = true;
    stream.head_bytes = 0; // trailers may be as much again
    if (server) {
        auto request = std::exchange(stream.request, {});
        complete_h2_request(request, ends);
        listener_.on_h2_request(id, request, ends);
    } else {
        auto response = std::exchange(stream.response, {});
        complete_h2_response(response, ends);
        listener_.on_h2_response(id, response, ends);
    }
}

void H2Streams::Impl::tell_too_large(std::int32_t id, Stream& stream) {
    if (role_ == Role::Server && !std::exchange(stream.head_told, true)) {
        return listener_.on_h2_too_large(id);
    }
    tell_reset(id, kH2EnhanceYourCalm);
}

void H2Streams::Impl::tell_reset(std::int32_t id, std::uint32_t code) {
    reset(id, code);
    listener_.on_h2_reset(id, code);
}

void H2Streams::Impl::pause(std::int32_t id, bool paused) {
    auto* const stream = find(id);
    if (stream != nullptr && std::exchange(stream->paused, paused) && !paused) {
        consume(id, std::exchange(stream->unconsumed, 0));
    }
}

void H2Streams::Impl::consume(std::int32_t id, std::size_t bytes) {
    if (bytes > 0) {
        (void)nghttp2_session_consume_stream(session_.get(), id, bytes);
    }
}

} // namespace mesh
