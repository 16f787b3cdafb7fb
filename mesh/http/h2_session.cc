#include "mesh/http/h2_session.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "netemu/base/base64.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace mesh {
namespace {

constexpr std::size_t kOutputBytesMax = 1U << 20U;

struct Stream {
    Request request;
    std::size_t head_bytes = 0;
    bool too_large = false;
    std::string body; // of the response
    std::size_t sent = 0;
};

template <typename Type, void (*Free)(Type*)>
struct Deleter {
    void operator()(Type* object) const { Free(object); }
};
using Session = std::unique_ptr<nghttp2_session, Deleter<nghttp2_session, nghttp2_session_del>>;
using Callbacks = std::unique_ptr<
    nghttp2_session_callbacks,
    Deleter<nghttp2_session_callbacks, nghttp2_session_callbacks_del>>;

nghttp2_nv name_value(const std::string& name, const std::string& value) {
    // nghttp2 copies both unless told otherwise; its fields are not const for historical reasons.
    const auto bytes = [](const std::string& text) {
        return const_cast<std::uint8_t*>(
            reinterpret_cast<const std::uint8_t*>(text.data())); // NOLINT
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size}; // NOLINT: bytes are bytes
}

/// Fields of HTTP/1.1 that RFC 9113 section 8.2.2 forbids.
bool is_connection_field(const std::string& name) {
    return name == "connection" || name == "keep-alive" || name == "proxy-connection" ||
           name == "transfer-encoding" || name == "upgrade";
}

} // namespace

class H2ServerSession::Impl {
public:
    Impl(Handler handler, H2Options options) : handler_(std::move(handler)), options_(options) {
        nghttp2_session_callbacks* raw = nullptr;
        if (nghttp2_session_callbacks_new(&raw) != 0) {
            throw netemu::Error("create an HTTP/2 session: out of memory");
        }
        const Callbacks callbacks(raw);
        nghttp2_session_callbacks_set_on_begin_headers_callback(raw, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(raw, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(raw, on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(raw, on_close);
        nghttp2_session* session = nullptr;
        if (nghttp2_session_server_new(&session, raw, this) != 0) {
            throw netemu::Error("create an HTTP/2 session: out of memory");
        }
        session_.reset(session);
        const nghttp2_settings_entry settings[] = {
            {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.streams_max},
            {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
             static_cast<std::uint32_t>(options_.head_bytes_max)}};
        nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
    }

    bool upgrade(std::string_view settings, const Request& request) {
        const auto payload = netemu::decode_base64(settings, netemu::Base64::Url);
        const bool head = request.method == "HEAD";
        if (!payload || nghttp2_session_upgrade2(
                            session_.get(),
                            reinterpret_cast<const std::uint8_t*>(payload->data()),
                            payload->size(),
                            head ? 1 : 0,
                            nullptr) != 0) {
            return false;
        }
        streams_[1].request = request;
        dispatch(1);
        return true;
    }

    bool feed(std::string_view bytes) {
        const auto* data =
            reinterpret_cast<const std::uint8_t*>(bytes.data()); // NOLINT: bytes are bytes
        const auto used = nghttp2_session_mem_recv(session_.get(), data, bytes.size());
        if (failure_) {
            std::rethrow_exception(std::exchange(failure_, nullptr));
        }
        return used >= 0;
    }

    void respond(std::int32_t id, Response response) {
        const auto found = streams_.find(id);
        if (found == streams_.end()) {
            return;
        }
        auto& stream = found->second;
        std::vector<std::pair<std::string, std::string>> fields;
        fields.emplace_back(":status", std::to_string(response.status));
        for (const auto& field : response.headers.fields()) {
            auto name = netemu::to_lower(field.name);
            if (!is_connection_field(name)) {
                fields.emplace_back(std::move(name), field.value);
            }
        }
        const bool allowed = response.status != 204 && response.status != 304;
        if (allowed && !response.headers.has("content-length")) {
            fields.emplace_back("content-length", std::to_string(response.body.size()));
        }
        std::vector<nghttp2_nv> pairs;
        pairs.reserve(fields.size());
        for (const auto& [name, value] : fields) {
            pairs.push_back(name_value(name, value));
        }
        const bool body = allowed && stream.request.method != "HEAD" && !response.body.empty();
        stream.body = std::move(response.body);
        nghttp2_data_provider provider{{.ptr = this}, read_body};
        nghttp2_submit_response(
            session_.get(), id, pairs.data(), pairs.size(), body ? &provider : nullptr);
    }

    std::string take_output() {
        std::string output;
        while (output.size() < kOutputBytesMax) {
            const std::uint8_t* data = nullptr;
            const auto size = nghttp2_session_mem_send(session_.get(), &data);
            if (size <= 0) {
                break;
            }
            output.append(view(data, static_cast<std::size_t>(size)));
        }
        return output;
    }

    [[nodiscard]] bool finished() const {
        return nghttp2_session_want_read(session_.get()) == 0 &&
               nghttp2_session_want_write(session_.get()) == 0;
    }
    [[nodiscard]] std::size_t open_streams() const { return streams_.size(); }

private:
    static Impl& self(void* user) { return *static_cast<Impl*>(user); }

    static int
    on_begin_headers(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
            self(user).streams_[frame->hd.stream_id].request.method.clear();
        }
        return 0;
    }

    // NOLINTNEXTLINE(readability-function-size): nghttp2's signature, as the two below
    static int on_header(
        nghttp2_session* /*session*/,
        const nghttp2_frame* frame,
        const std::uint8_t* name,
        std::size_t name_size,
        const std::uint8_t* value,
        std::size_t value_size,
        std::uint8_t /*flags*/,
        void* user) {
        const auto found = self(user).streams_.find(frame->hd.stream_id);
        if (found != self(user).streams_.end()) {
            const bool trailers = frame->headers.cat != NGHTTP2_HCAT_REQUEST;
            self(user).take_field(
                found->second, view(name, name_size), view(value, value_size), trailers);
        }
        return 0;
    }

    // NOLINTNEXTLINE(readability-function-size)
    static int on_data(
        nghttp2_session* /*session*/,
        std::uint8_t /*flags*/,
        std::int32_t id,
        const std::uint8_t* data,
        std::size_t size,
        void* user) {
        const auto found = self(user).streams_.find(id);
        if (found == self(user).streams_.end()) {
            return 0;
        }
        auto& stream = found->second;
        if (stream.request.body.size() + size > self(user).options_.body_bytes_max) {
            stream.too_large = true;
            stream.request.body.clear();
        } else if (!stream.too_large) {
            stream.request.body.append(view(data, size));
        }
        return 0;
    }

    static int on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
        const bool carries_request =
            frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        if (!carries_request || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
            return 0;
        }
        try {
            self(user).dispatch(frame->hd.stream_id);
        } catch (...) { // nothing may unwind through nghttp2
            self(user).failure_ = std::current_exception();
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        return 0;
    }

    static int
    on_close(nghttp2_session* /*session*/, std::int32_t id, std::uint32_t /*code*/, void* user) {
        self(user).streams_.erase(id);
        return 0;
    }

    // NOLINTNEXTLINE(readability-function-size)
    static ssize_t read_body(
        nghttp2_session* /*session*/,
        std::int32_t id,
        std::uint8_t* buffer,
        std::size_t size,
        std::uint32_t* flags,
        nghttp2_data_source* source,
        void* /*user*/) {
        auto& streams = self(source->ptr).streams_;
        const auto found = streams.find(id);
        if (found == streams.end()) {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        auto& stream = found->second;
        const auto count = std::min(size, stream.body.size() - stream.sent);
        std::copy_n(stream.body.data() + stream.sent, count, buffer);
        stream.sent += count;
        if (stream.sent == stream.body.size()) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        }
        return static_cast<ssize_t>(count);
    }

    void
    take_field(Stream& stream, std::string_view name, std::string_view value, bool trailer) const {
        auto& request = stream.request;
        stream.head_bytes += name.size() + value.size() + 32; // as RFC 9113 section 6.5.2 counts
        if (stream.head_bytes > options_.head_bytes_max) {
            stream.too_large = true;
        } else if (trailer) {
            request.trailers.add(std::string(name), std::string(value));
        } else if (name == ":method") {
            request.method = value;
        } else if (name == ":path") {
            request.target = value;
        } else if (name == ":authority") {
            request.headers.set("host", std::string(value));
        } else if (!name.starts_with(':') && !(name == "host" && request.headers.has("host"))) {
            request.headers.add(std::string(name), std::string(value));
        }
    }

    void dispatch(std::int32_t id) {
        const auto found = streams_.find(id);
        if (found == streams_.end()) {
            return;
        }
        if (found->second.too_large) {
            Response refusal;
            refusal.status = found->second.head_bytes > options_.head_bytes_max ? 431 : 413;
            return respond(id, std::move(refusal));
        }
        auto request = std::exchange(found->second.request, {});
        found->second.request.method = request.method; // `respond` asks whether it was HEAD
        handler_(id, std::move(request));
    }

    Handler handler_;
    H2Options options_;
    std::unordered_map<std::int32_t, Stream> streams_;
    std::exception_ptr failure_;
    Session session_; // last: its end closes streams
};

H2ServerSession::H2ServerSession(Handler handler, H2Options options)
    : impl_(std::make_unique<Impl>(std::move(handler), options)) {
}

H2ServerSession::~H2ServerSession() = default;

bool H2ServerSession::upgrade(std::string_view settings, const Request& request) {
    return impl_->upgrade(settings, request);
}

bool H2ServerSession::feed(std::string_view bytes) {
    return impl_->feed(bytes);
}

void H2ServerSession::respond(std::int32_t stream, Response response) {
    impl_->respond(stream, std::move(response));
}

std::string H2ServerSession::take_output() {
    return impl_->take_output();
}

bool H2ServerSession::finished() const {
    return impl_->finished();
}

std::size_t H2ServerSession::open_streams() const {
    return impl_->open_streams();
}

} // namespace mesh
