#include "mesh/http/h2_session.h"

#include <unordered_map>
#include <utility>

namespace mesh {

class H2ServerSession::Impl final : private H2Listener {
public:
    Impl(Handler handler, H2Options options)
        : handler_(std::move(handler)), options_(std::move(options)),
          streams_(
              H2Streams::Role::Server, *this, {options_.head_bytes_max, options_.streams_max}) {}

    bool upgrade(std::string_view settings, const Request& request) {
        if (!streams_.upgrade(settings, request.method == "HEAD")) {
            return false;
        }
        requests_[1].head = request;
        dispatch(1);
        return true;
    }

    bool feed(std::string_view bytes) { return streams_.feed(bytes); }

    void respond(std::int32_t id, Response response) {
        const auto found = requests_.extract(id);
        if (found.empty()) {
            return;
        }
        const bool allowed = response.status != 204 && response.status != 304;
        if (allowed && !response.headers.has("content-length") &&
            !response.headers.has("transfer-encoding")) {
            response.headers.add("content-length", std::to_string(response.body.size()));
        }
        const bool body = allowed && !found.mapped().is_head && !response.body.empty();
        const bool ends = !body && response.trailers.size() == 0;
        streams_.respond(id, response, ends);
        if (body) {
            streams_.send_body(id, response.body);
        }
        if (!ends) {
            streams_.end(id, response.trailers);
        }
    }

    std::string take_output() { return streams_.take_output(); }
    [[nodiscard]] bool finished() const { return streams_.finished(); }
    [[nodiscard]] std::size_t open_streams() const { return streams_.open_streams(); }

private:
    /// A request that has no answer yet.
    struct Pending {
        Request head;
        bool is_head = false;
        bool too_large = false;
    };

    void on_h2_request(std::int32_t id, const Request& head, bool ends) override {
        auto& pending = requests_[id];
        pending.head = head;
        pending.head.headers.remove("transfer-encoding"); // the body comes with it, as a whole
        if (ends) {
            dispatch(id);
        }
    }

    void on_h2_too_large(std::int32_t id) override {
        Response refusal;
        constexpr int kFieldsTooLarge = 431;
        refusal.status = kFieldsTooLarge;
        streams_.respond(id, refusal, true);
    }

    void on_h2_body(std::int32_t id, std::string_view piece) override {
        const auto found = requests_.find(id);
        if (found == requests_.end() || found->second.too_large) {
            return;
        }
        auto& body = found->second.head.body;
        found->second.too_large = body.size() + piece.size() > options_.body_bytes_max;
        found->second.too_large ? body.clear() : void(body.append(piece));
    }

    void on_h2_end(std::int32_t id, const Headers& trailers) override {
        const auto found = requests_.find(id);
        if (found != requests_.end()) {
            found->second.head.trailers = trailers;
            dispatch(id);
        }
    }

    void on_h2_reset(std::int32_t id, std::uint32_t /*code*/) override { requests_.erase(id); }

    void dispatch(std::int32_t id) {
        auto& pending = requests_.at(id);
        pending.is_head = pending.head.method == "HEAD";
        if (pending.too_large) {
            Response refusal;
            constexpr int kContentTooLarge = 413;
            refusal.status = kContentTooLarge;
            if (options_.too_large) {
                refusal = options_.too_large(pending.head);
            }
            return respond(id, std::move(refusal));
        }
        handler_(id, std::move(pending.head));
    }

    Handler handler_;
    H2Options options_;
    std::unordered_map<std::int32_t, Pending> requests_;
    H2Streams streams_;
};

H2ServerSession::H2ServerSession(Handler handler, H2Options options)
    : impl_(std::make_unique<Impl>(std::move(handler), std::move(options))) {
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
