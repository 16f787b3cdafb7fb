#include "mesh/http/h2_streams.h"

#include <algorithm>
#include <utility>

#include <nghttp2/nghttp2.h>

#include "mesh/http/h2_streams_impl.h"
#include "netemu/base/base64.h"
#include "netemu/base/error.h"
#include "netemu/base/limits.h"

namespace mesh {

namespace {

constexpr std::size_t kOutputBytesMax = 1U << 20U;
/// What a peer may send before anybody has taken it: of a stream, and of all together. The second
/// is large, so that one stream that nobody reads does not stop the others.
constexpr std::uint32_t kStreamWindow = 256U << 10U;
constexpr std::int32_t kConnectionWindow = 16 << 20;
/// What nghttp2 would send of one head, by a generous estimate of its own.
constexpr std::size_t kSentHeadMax = 4 * netemu::limits::kHttpHeaderBytesMax;

template <typename Type, void (*Free)(Type*)>
struct Deleter {
    void operator()(Type* object) const { Free(object); }
};
using Callbacks = std::unique_ptr<
    nghttp2_session_callbacks,
    Deleter<nghttp2_session_callbacks, nghttp2_session_callbacks_del>>;
using Option = std::unique_ptr<nghttp2_option, Deleter<nghttp2_option, nghttp2_option_del>>;

} // namespace

std::string h2_error_name(std::uint32_t code) {
    return nghttp2_http2_strerror(code);
}

void H2Streams::Impl::SessionFree::operator()(nghttp2_session* session) const {
    nghttp2_session_del(session);
}

H2Streams::Impl::Impl(Role role, H2Listener& listener, Options options)
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
    set_incoming(raw);
    set_outgoing(raw);
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

void H2Streams::Impl::send_settings() {
    std::vector<nghttp2_settings_entry> settings{
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
         static_cast<std::uint32_t>(options_.head_bytes_max)},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow}};
    settings.push_back(
        role_ == Role::Server
            ? nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.streams_max}
            : nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
    nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

bool H2Streams::Impl::feed(std::string_view bytes) {
    if (broken_) {
        return false;
    }
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data()); // NOLINT
    const auto used = nghttp2_session_mem_recv(session_.get(), data, bytes.size());
    rethrow();
    broken_ = broken_ || used < 0;
    return !broken_;
}

std::string H2Streams::Impl::take_output() {
    std::string output;
    do {
        collect(output);
    } while (tell_drained() && output.size() < kOutputBytesMax);
    return output;
}

void H2Streams::Impl::collect(std::string& output) {
    while (output.size() < kOutputBytesMax) {
        const std::uint8_t* data = nullptr;
        const auto size = nghttp2_session_mem_send(session_.get(), &data);
        rethrow();
        broken_ = broken_ || size < 0;
        if (size <= 0) {
            return;
        }
        output.append(
            reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)); // NOLINT: bytes
    }
}

bool H2Streams::Impl::tell_drained() {
    const auto drained = std::exchange(drained_, {});
    for (const auto id : drained) {
        if (streams_.contains(id)) {
            listener_.on_h2_drained(id);
        }
    }
    return !drained.empty();
}

void H2Streams::Impl::rethrow() {
    if (failure_) {
        std::rethrow_exception(std::exchange(failure_, nullptr));
    }
}

bool H2Streams::Impl::finished() const {
    return nghttp2_session_want_read(session_.get()) == 0 &&
           nghttp2_session_want_write(session_.get()) == 0;
}

bool H2Streams::Impl::upgrade(std::string_view settings, bool is_head) {
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

bool H2Streams::Impl::has_room() const {
    const auto most = nghttp2_session_get_remote_settings(
        session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return !broken_ && nghttp2_session_check_request_allowed(session_.get()) != 0 &&
           streams_.size() < std::min(most, options_.streams_max);
}

void H2Streams::Impl::retire() {
    const auto last = nghttp2_session_get_last_proc_stream_id(session_.get());
    (void)nghttp2_submit_goaway(
        session_.get(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
}

void H2Streams::Impl::abort(std::uint32_t code) {
    aborted_ = true;
    streams_.clear();
    (void)nghttp2_session_terminate_session(session_.get(), code);
}

H2Streams::Impl::Stream* H2Streams::Impl::find(std::int32_t id) {
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : &found->second;
}

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
