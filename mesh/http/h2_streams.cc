#include "mesh/http/h2_streams.h"

#include <algorithm>
#include <exception>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "mesh/http/h2_fields.h"
#include "netemu/base/base64.h"
#include "netemu/base/error.h"

namespace mesh {
namespace {

constexpr std::size_t kOutputBytesMax = 1U << 20U;
/// What a peer may send before anybody has taken it: of a stream, and of all together. The second
/// is large, so that one stream that nobody reads does not stop the others.
constexpr std::uint32_t kStreamWindow = 256U << 10U;
constexpr std::int32_t kConnectionWindow = 16 << 20;
constexpr std::size_t kFieldOverhead = 32; // as RFC 9113 section 6.5.2 counts
/// What nghttp2 would send of one head, by a generous estimate of its own.
constexpr std::size_t kSentHeadMax = 4 * netemu::limits::kHttpHeaderBytesMax;

template <typename Type, void (*Free)(Type*)>
struct Deleter {
    void operator()(Type* object) const { Free(object); }
};
using Session = std::unique_ptr<nghttp2_session, Deleter<nghttp2_session, nghttp2_session_del>>;
using Callbacks = std::unique_ptr<
    nghttp2_session_callbacks,
    Deleter<nghttp2_session_callbacks, nghttp2_session_callbacks_del>>;
using Option = std::unique_ptr<nghttp2_option, Deleter<nghttp2_option, nghttp2_option_del>>;

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size}; // NOLINT: bytes are bytes
}

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

std::string h2_error_name(std::uint32_t code) {
    return nghttp2_http2_strerror(code);
}

class H2Streams::Impl {
public:
    Impl(Role role, H2Listener& listener, Options options)
        : role_(role), listener_(listener), options_(options) {
        nghttp2_session_callbacks* raw = nullptr;
        nghttp2_option* option = nullptr;
        if (nghttp2_session_callbacks_new(&raw) != 0) {
            throw netemu::Error("create an HTTP/2 session: out of memory");
        }
        const Callbacks callbacks(raw);
        if (nghttp2_option_new(&option) != 0) {
            throw netemu::Error("create an HTTP/2 session: out of memory");
        }
        const Option options_owner(option);
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_max_send_header_block_length(option, kSentHeadMax);
        nghttp2_session_callbacks_set_on_begin_headers_callback(raw, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(raw, on_header);
        nghttp2_session_callbacks_set_on_invalid_header_callback(raw, on_invalid_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(raw, on_frame);
        nghttp2_session_callbacks_set_on_frame_send_callback(raw, on_sent);
        nghttp2_session_callbacks_set_on_frame_not_send_callback(raw, on_not_sent);
        nghttp2_session_callbacks_set_on_stream_close_callback(raw, on_close);
        nghttp2_session* session = nullptr;
        const int made = role == Role::Server
                             ? nghttp2_session_server_new2(&session, raw, this, option)
                             : nghttp2_session_client_new2(&session, raw, this, option);
        if (made != 0) {
            throw netemu::Error("create an HTTP/2 session: out of memory");
        }
        session_.reset(session);
        send_settings();
    }

    [[nodiscard]] bool feed(std::string_view bytes) {
        if (broken_) {
            return false;
        }
        const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data()); // NOLINT
        const auto used = nghttp2_session_mem_recv(session_.get(), data, bytes.size());
        rethrow();
        broken_ = broken_ || used < 0;
        return !broken_;
    }

    [[nodiscard]] std::string take_output() {
        std::string output;
        do {
            collect(output);
        } while (tell_drained() && output.size() < kOutputBytesMax);
        return output;
    }

    [[nodiscard]] bool broken() const { return broken_; }
    [[nodiscard]] bool finished() const {
        return nghttp2_session_want_read(session_.get()) == 0 &&
               nghttp2_session_want_write(session_.get()) == 0;
    }
    [[nodiscard]] std::size_t open_streams() const { return streams_.size(); }

    [[nodiscard]] bool upgrade(std::string_view settings, bool is_head) {
        const auto payload = netemu::decode_base64(settings, netemu::Base64::Url);
        if (!payload || nghttp2_session_upgrade2(
                            session_.get(),
                            reinterpret_cast<const std::uint8_t*>(payload->data()), // NOLINT
                            payload->size(),
                            is_head ? 1 : 0,
                            nullptr) != 0) {
            return false;
        }
        auto& stream = streams_[1];
        stream.head_told = stream.in_ended = true;
        return true;
    }

    [[nodiscard]] bool has_room() const {
        const auto most = nghttp2_session_get_remote_settings(
            session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
        return !broken_ && nghttp2_session_check_request_allowed(session_.get()) != 0 &&
               streams_.size() < std::min(most, options_.streams_max);
    }

    std::int32_t request(const Request& head, std::string_view scheme, bool ends) {
        nghttp2_data_provider provider{{.ptr = this}, read_body};
        const auto fields = h2_request_fields(head, scheme);
        const auto pairs = pairs_of(fields);
        const auto id = nghttp2_submit_request(
            session_.get(),
            nullptr,
            pairs.data(),
            pairs.size(),
            ends ? nullptr : &provider,
            nullptr);
        if (id < 0) {
            throw netemu::Error(std::string("begin an HTTP/2 stream: ") + nghttp2_strerror(id));
        }
        streams_[id].out_ended = ends;
        return id;
    }

    void inform(std::int32_t id, int status) {
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

    void respond(std::int32_t id, const Response& head, bool ends) {
        auto* const stream = find(id);
        if (stream == nullptr || std::exchange(stream->responded, true)) {
            return;
        }
        stream->out_ended = ends;
        nghttp2_data_provider provider{{.ptr = this}, read_body};
        const auto fields = h2_response_fields(head);
        const auto pairs = pairs_of(fields);
        (void)nghttp2_submit_response(
            session_.get(), id, pairs.data(), pairs.size(), ends ? nullptr : &provider);
    }

    void send_body(std::int32_t id, std::string_view piece) {
        auto* const stream = find(id);
        if (stream != nullptr && !stream->out_ended && !piece.empty()) {
            stream->out.append(piece);
            stream->was_full = stream->was_full || stream->unsent() > kH2UnsentMax;
            resume(id, *stream);
        }
    }

    void end(std::int32_t id, const Headers& trailers) {
        auto* const stream = find(id);
        if (stream != nullptr && !stream->out_ended) {
            stream->out_ended = true;
            stream->out_trailers = trailers;
            resume(id, *stream);
        }
    }

    void reset(std::int32_t id, std::uint32_t code) {
        if (streams_.erase(id) > 0) {
            (void)nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, code);
        }
    }

    void pause(std::int32_t id, bool paused) {
        auto* const stream = find(id);
        if (stream != nullptr && std::exchange(stream->paused, paused) && !paused) {
            consume(id, std::exchange(stream->unconsumed, 0));
        }
    }

    [[nodiscard]] std::size_t unsent(std::int32_t id) const {
        const auto found = streams_.find(id);
        return found == streams_.end() ? 0 : found->second.unsent();
    }

    void retire() {
        const auto last = nghttp2_session_get_last_proc_stream_id(session_.get());
        (void)nghttp2_submit_goaway(
            session_.get(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
    }

    void abort(std::uint32_t code) {
        aborted_ = true;
        streams_.clear();
        (void)nghttp2_session_terminate_session(session_.get(), code);
    }

private:
    struct Stream {
        // What comes.
        Request request; // server
        Response response;
        Headers trailers;
        std::size_t head_bytes = 0;
        bool too_large = false;
        bool head_told = false;
        bool in_ended = false;
        bool paused = false;
        std::size_t unconsumed = 0;
        // What goes.
        bool responded = false;
        std::string out;
        std::size_t sent = 0; // of it
        bool out_ended = false;
        Headers out_trailers;
        bool deferred = false;
        bool was_full = false;
        bool unsendable = false; // a head that is too large for nghttp2

        [[nodiscard]] std::size_t unsent() const { return out.size() - sent; }
        /// Before it takes more room than what is unsent.
        void forget_sent() {
            if (sent >= unsent()) {
                out.erase(0, std::exchange(sent, 0));
            }
        }
    };

    void send_settings() {
        std::vector<nghttp2_settings_entry> settings{
            {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
             static_cast<std::uint32_t>(options_.head_bytes_max)},
            {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow}};
        settings.push_back(
            role_ == Role::Server
                ? nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.streams_max}
                : nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
        nghttp2_submit_settings(
            session_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
        nghttp2_session_set_local_window_size(
            session_.get(), NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
    }

    [[nodiscard]] Stream* find(std::int32_t id) {
        const auto found = streams_.find(id);
        return found == streams_.end() ? nullptr : &found->second;
    }

    void rethrow() {
        if (failure_) {
            std::rethrow_exception(std::exchange(failure_, nullptr));
        }
    }

    void collect(std::string& output) {
        while (output.size() < kOutputBytesMax) {
            const std::uint8_t* data = nullptr;
            const auto size = nghttp2_session_mem_send(session_.get(), &data);
            rethrow();
            broken_ = broken_ || size < 0;
            if (size <= 0) {
                return;
            }
            output.append(view(data, static_cast<std::size_t>(size)));
        }
    }

    /// Whether there was anybody to tell, who may have given more to send.
    bool tell_drained() {
        const auto drained = std::exchange(drained_, {});
        for (const auto id : drained) {
            if (streams_.contains(id)) {
                listener_.on_h2_drained(id);
            }
        }
        return !drained.empty();
    }

    void resume(std::int32_t id, Stream& stream) {
        if (std::exchange(stream.deferred, false)) {
            (void)nghttp2_session_resume_data(session_.get(), id);
        }
    }

    void consume(std::int32_t id, std::size_t bytes) {
        if (bytes > 0) {
            (void)nghttp2_session_consume_stream(session_.get(), id, bytes);
        }
    }

    // --- nghttp2's callbacks

    static Impl& self(void* user) { return *static_cast<Impl*>(user); }

    /// Nothing may unwind through nghttp2.
    template <typename Tell>
    int told(const Tell& tell) {
        try {
            tell();
            return 0;
        } catch (...) {
            failure_ = std::current_exception();
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    }

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
        const int result = owner.told([&] { owner.listener_.on_h2_body(id, view(data, size)); });
        stream = owner.find(id); // it may have been reset
        if (stream != nullptr && stream->paused) {
            stream->unconsumed += size;
        } else if (stream != nullptr) {
            owner.consume(id, size);
        }
        return result;
    }

    static int on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
        const bool head = frame->hd.type == NGHTTP2_HEADERS;
        if (!head && frame->hd.type != NGHTTP2_DATA) {
            return 0;
        }
        auto& owner = self(user);
        return owner.told([&] {
            owner.take_frame(
                frame->hd.stream_id, head, (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0);
        });
    }

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

    // --- what comes

    void take_field(Stream& stream, std::string_view name, std::string_view value) const {
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

    void take_frame(std::int32_t id, bool head, bool ends) {
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

    void tell_head(std::int32_t id, Stream& stream, bool ends) {
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

    /// A head, or trailers, of more than what is read.
    void tell_too_large(std::int32_t id, Stream& stream) {
        if (role_ == Role::Server && !std::exchange(stream.head_told, true)) {
            return listener_.on_h2_too_large(id);
        }
        tell_reset(id, kH2EnhanceYourCalm);
    }

    void tell_reset(std::int32_t id, std::uint32_t code) {
        reset(id, code);
        listener_.on_h2_reset(id, code);
    }

    Role role_;
    H2Listener& listener_;
    Options options_;
    std::unordered_map<std::int32_t, Stream> streams_;
    std::vector<std::int32_t> drained_;
    std::exception_ptr failure_;
    bool broken_ = false;
    bool aborted_ = false;
    Session session_; // last: its end closes streams
};

H2Streams::H2Streams(Role role, H2Listener& listener, Options options)
    : impl_(std::make_unique<Impl>(role, listener, options)) {
}

H2Streams::~H2Streams() = default;

bool H2Streams::feed(std::string_view bytes) {
    return impl_->feed(bytes);
}

std::string H2Streams::take_output() {
    return impl_->take_output();
}

bool H2Streams::broken() const {
    return impl_->broken();
}

bool H2Streams::finished() const {
    return impl_->finished();
}

std::size_t H2Streams::open_streams() const {
    return impl_->open_streams();
}

bool H2Streams::upgrade(std::string_view settings, bool is_head) {
    return impl_->upgrade(settings, is_head);
}

bool H2Streams::has_room() const {
    return impl_->has_room();
}

std::int32_t H2Streams::request(const Request& head, std::string_view scheme, bool ends) {
    return impl_->request(head, scheme, ends);
}

void H2Streams::inform(std::int32_t stream, int status) {
    impl_->inform(stream, status);
}

void H2Streams::respond(std::int32_t stream, const Response& head, bool ends) {
    impl_->respond(stream, head, ends);
}

void H2Streams::send_body(std::int32_t stream, std::string_view piece) {
    impl_->send_body(stream, piece);
}

void H2Streams::end(std::int32_t stream, const Headers& trailers) {
    impl_->end(stream, trailers);
}

void H2Streams::reset(std::int32_t stream, std::uint32_t code) {
    impl_->reset(stream, code);
}

void H2Streams::pause(std::int32_t stream, bool paused) {
    impl_->pause(stream, paused);
}

std::size_t H2Streams::unsent(std::int32_t stream) const {
    return impl_->unsent(stream);
}

void H2Streams::retire() {
    impl_->retire();
}

void H2Streams::abort(std::uint32_t code) {
    impl_->abort(code);
}

} // namespace mesh
