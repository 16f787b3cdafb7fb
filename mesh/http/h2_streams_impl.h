#pragma once

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mesh/http/h2_fields.h"
#include "mesh/http/h2_streams.h"

struct nghttp2_session;
struct nghttp2_session_callbacks;

namespace mesh {

/// Streams as nghttp2 has them: the session in h2_streams.cc, what comes in h2_incoming.cc, what
/// goes in h2_outgoing.cc. Private to these.
class H2Streams::Impl {
public:
    Impl(Role role, H2Listener& listener, Options options);

    // As H2Streams has them.
    [[nodiscard]] bool feed(std::string_view bytes);
    [[nodiscard]] std::string take_output();
    [[nodiscard]] bool broken() const { return broken_; }
    [[nodiscard]] bool finished() const;
    [[nodiscard]] std::size_t open_streams() const { return streams_.size(); }
    [[nodiscard]] bool upgrade(std::string_view settings, bool is_head);
    [[nodiscard]] bool has_room() const;
    std::int32_t request(const Request& head, std::string_view scheme, bool ends);
    void inform(std::int32_t id, int status);
    void respond(std::int32_t id, const Response& head, bool ends);
    void send_body(std::int32_t id, std::string_view piece);
    void end(std::int32_t id, const Headers& trailers);
    void reset(std::int32_t id, std::uint32_t code);
    void pause(std::int32_t id, bool paused);
    [[nodiscard]] std::size_t unsent(std::int32_t id) const;
    void retire();
    void abort(std::uint32_t code);

private:
    struct SessionFree {
        void operator()(nghttp2_session* session) const;
    };
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

    void send_settings();
    [[nodiscard]] Stream* find(std::int32_t id);
    void rethrow();
    void collect(std::string& output);
    /// Whether there was anybody to tell, who may have given more to send.
    bool tell_drained();
    void resume(std::int32_t id, Stream& stream);
    void consume(std::int32_t id, std::size_t bytes);

    static Impl& self(void* user) { return *static_cast<Impl*>(user); }
    /// Nothing may unwind through nghttp2. False: it has failed, and `rethrow` says how.
    template <typename Tell>
    bool told(const Tell& tell) {
        try {
            tell();
            return true;
        } catch (...) {
            failure_ = std::current_exception();
            return false;
        }
    }

    // nghttp2's callbacks, whose types stay where they are defined.
    struct Incoming;
    struct Outgoing;
    static void set_incoming(nghttp2_session_callbacks* callbacks);
    static void set_outgoing(nghttp2_session_callbacks* callbacks);

    void take_field(Stream& stream, std::string_view name, std::string_view value) const;
    void take_frame(std::int32_t id, bool head, bool ends);
    void tell_head(std::int32_t id, Stream& stream, bool ends);
    /// Of a head, or trailers, of more than what is read.
    void tell_too_large(std::int32_t id, Stream& stream);
    void tell_reset(std::int32_t id, std::uint32_t code);

    Role role_;
    H2Listener& listener_;
    Options options_;
    std::unordered_map<std::int32_t, Stream> streams_;
    std::vector<std::int32_t> drained_;
    std::exception_ptr failure_;
    bool broken_ = false;
    bool aborted_ = false;
    std::unique_ptr<nghttp2_session, SessionFree> session_; // last: its end closes streams
};

} // namespace mesh
