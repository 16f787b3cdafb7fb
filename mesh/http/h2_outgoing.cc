#include <algorithm>
#include <utility>

#include <nghttp2/nghttp2.h>

#include "mesh/http/h2_streams_impl.h"
#include "netemu/base/error.h"

namespace mesh {

namespace {

/// For nghttp2, which copies them. Valid as long as `fields`.
std::vector<nghttp2_nv> pairs_of(const H2Fields& fields) {
    const auto bytes = [](const std::string& text) { // not const for historical reasons
        return const_cast<std::uint8_t*>(
            reinterpret_cast<const std::uint8_t*>(text.data())); // NOLINT
    };
    std::vector<nghttp2_nv> pairs;
    pairs.reserve(fields.size());
    for (const auto& [name, value] : fields) {
        pairs.push_back(
            {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    return pairs;
}

} // namespace

struct H2Streams::Impl::Outgoing {
    /// A client that has its answer need not send the rest of its request (RFC 9113 section 8.1).
    /// And nghttp2 tells only in its GOAWAY that the peer has broken the protocol.
    static int on_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type == NGHTTP2_GOAWAY) {
            auto& owner = self(user);
            owner.broken_ =
                owner.broken_ || (!owner.aborted_ && frame->goaway.error_code != NGHTTP2_NO_ERROR);
        }
        const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
                          (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA);
        const auto* const stream = ends && self(user).role_ == Role::Server
                                       ? self(user).find(frame->hd.stream_id)
                                       : nullptr;
        if (stream != nullptr && !stream->in_ended) {
            (void)nghttp2_submit_rst_stream(
                session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
        }
        return 0;
    }

    /// Of a request, nghttp2 closes the stream next, and calls it refused.
    static int
    on_not_sent(nghttp2_session* session, const nghttp2_frame* frame, int error, void* user) {
        auto* const stream =
            frame->hd.type == NGHTTP2_HEADERS ? self(user).find(frame->hd.stream_id) : nullptr;
        if (stream == nullptr) {
            return 0;
        }
        stream->unsendable = error == NGHTTP2_ERR_FRAME_SIZE_ERROR;
        if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
            (void)nghttp2_submit_rst_stream(
                session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
        }
        return 0;
    }

    // NOLINTNEXTLINE(readability-function-size)
    static ssize_t read_body(
        nghttp2_session* session,
        std::int32_t id,
        std::uint8_t* buffer,
        std::size_t size,
        std::uint32_t* flags,
        nghttp2_data_source* source,
        void* /*user*/) {
        auto& owner = self(source->ptr);
        auto* const stream = owner.find(id);
        if (stream == nullptr) {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        const auto count = std::min(size, stream->unsent());
        std::copy_n(stream->out.data() + stream->sent, count, buffer);
        stream->sent += count;
        stream->forget_sent();
        if (stream->was_full && stream->unsent() <= kH2UnsentMax / 2) {
            stream->was_full = false;
            owner.drained_.push_back(id);
        }
        if (stream->unsent() > 0) {
            return static_cast<ssize_t>(count);
        }
        if (!stream->out_ended && count == 0) {
            stream->deferred = true;
            return NGHTTP2_ERR_DEFERRED;
        }
        if (stream->out_ended) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        }
        if (stream->out_ended && stream->out_trailers.size() > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            const auto fields = h2_trailer_fields(stream->out_trailers);
            const auto pairs = pairs_of(fields);
            (void)nghttp2_submit_trailer(session, id, pairs.data(), pairs.size());
        }
        return static_cast<ssize_t>(count);
    }
};

void H2Streams::Impl::set_outgoing(nghttp2_session_callbacks* callbacks) {
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Outgoing::on_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, Outgoing::on_not_sent);
}

std::int32_t H2Streams::Impl::request(const Request& head, std::string_view scheme, bool ends) {
    nghttp2_data_provider provider{{.ptr = this}, Outgoing::read_body};
    const auto fields = h2_request_fields(head, scheme);
    const auto pairs = pairs_of(fields);
    const auto id = nghttp2_submit_request(
        session_.get(), nullptr, pairs.data(), pairs.size(), ends ? nullptr : &provider, nullptr);
    if (id < 0) {
        throw netemu::Error(std::string("begin an HTTP/2 stream: ") + nghttp2_strerror(id));
    }
    streams_[id].out_ended = ends;
    return id;
}

void H2Streams::Impl::inform(std::int32_t id, int status) {
    const auto* const stream = find(id);
    if (stream == nullptr || stream->responded) {
        return;
    }
    Response head;
    head.status = status;
    const auto fields = h2_response_fields(head);
    const auto pairs = pairs_of(fields);
    constexpr auto kNoFlags = NGHTTP2_FLAG_NONE;
    (void)nghttp2_submit_headers(
        session_.get(), kNoFlags, id, nullptr, pairs.data(), pairs.size(), nullptr);
}

void H2Streams::Impl::respond(std::int32_t id, const Response& head, bool ends) {
    auto* const stream = find(id);
    if (stream == nullptr || std::exchange(stream->responded, true)) {
        return;
    }
    stream->out_ended = ends;
    nghttp2_data_provider provider{{.ptr = this}, Outgoing::read_body};
    const auto fields = h2_response_fields(head);
    const auto pairs = pairs_of(fields);
    (void)nghttp2_submit_response(
        session_.get(), id, pairs.data(), pairs.size(), ends ? nullptr : &provider);
}

void H2Streams::Impl::send_body(std::int32_t id, std::string_view piece) {
    auto* const stream = find(id);
    if (stream != nullptr && !stream->out_ended && !piece.empty()) {
        stream->out.append(piece);
        stream->was_full = stream->was_full || stream->unsent() > kH2UnsentMax;
        resume(id, *stream);
    }
}

void H2Streams::Impl::end(std::int32_t id, const Headers& trailers) {
    auto* const stream = find(id);
    if (stream != nullptr && !stream->out_ended) {
        stream->out_ended = true;
        stream->out_trailers = trailers;
        resume(id, *stream);
    }
}

void H2Streams::Impl::reset(std::int32_t id, std::uint32_t code) {
    if (streams_.erase(id) > 0) {
        (void)nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, code);
    }
}

std::size_t H2Streams::Impl::unsent(std::int32_t id) const {
    const auto found = streams_.find(id);
    return found == streams_.end() ? 0 : found->second.unsent();
}

void H2Streams::Impl::resume(std::int32_t id, Stream& stream) {
    if (std::exchange(stream.deferred, false)) {
        (void)nghttp2_session_resume_data(session_.get(), id);
    }
}

} // namespace mesh
