#include "dns/server.h"

#include <utility>

#include "dns/tcp_service.h"
#include "dns/udp_service.h"
#include "dns/writer.h"

namespace dns {
namespace {

std::uint16_t response_flags(Bytes answer) {
    constexpr std::uint16_t kOpcodeAndRcode = flag::kOpcode | flag::kRcode;
    const auto word =
        answer.size() < limits::kHeaderBytes ? 0U : unsigned{answer[2]} << 8U | unsigned{answer[3]};
    return static_cast<std::uint16_t>(word & ~unsigned{kOpcodeAndRcode});
}

} // namespace

/// Notes whether the handler will answer later, and has that answer counted as well.
class Server::WatchedReplies : public ReplyMaker {
public:
    WatchedReplies(Server& server, const QueryView& query, const Client& client, ReplyMaker& inner)
        : server_(server), query_(query), client_(client), inner_(inner) {}
    Reply later() override {
        deferred_ = true;
        return server_.late(query_, client_, inner_.later());
    }
    [[nodiscard]] bool deferred() const { return deferred_; }

private:
    Server& server_;
    const QueryView& query_;
    const Client& client_;
    ReplyMaker& inner_;
    bool deferred_ = false;
};

Server::Server(netemu::EventLoop& loop, Handler& handler, ServerOptions options)
    : loop_(loop), handler_(handler), options_(std::move(options)),
      rate_limit_(options_.rate_per_second, options_.rate_slip),
      udp_(std::make_unique<UdpService>(*this)), tcp_(std::make_unique<TcpService>(*this)) {
}

Server::~Server() = default;

int Server::add_udp(netemu::UniqueFd socket) {
    return udp_->add(std::move(socket));
}

int Server::add_tcp(netemu::UniqueFd listener) {
    return tcp_->add(std::move(listener));
}

void Server::remove(int socket) {
    udp_->remove(socket);
    tcp_->remove(socket);
}

std::size_t Server::tcp_connections() const {
    return tcp_->connections();
}

bool Server::rate_limited(
    const QueryView& query, const Client& client, std::span<std::uint8_t> out, Handled& handled) {
    if (!rate_limit_.on() || client.transport != Transport::Udp) {
        return false;
    }
    const auto verdict = rate_limit_.take(client.address.address, batch_start_);
    if (verdict == RateLimit::Verdict::Answer) {
        return false;
    }
    ++counters_.rate_limited;
    if (verdict == RateLimit::Verdict::Slip) {
        ResponseWriter writer(query, out, client.limit);
        writer.truncate();
        handled = {writer.finish(Rcode::NoError), Rcode::NoError};
    }
    return true;
}

Handled
Server::answer(Bytes packet, Client& client, std::span<std::uint8_t> out, ReplyMaker& replies) {
    QueryView query; // NOLINT(cppcoreguidelines-pro-type-member-init): its arrays are large
    const auto parsed = parse_query(packet, query);
    if (parsed.state == Parsed::Drop) {
        ++counters_.dropped;
        return {};
    }
    client.limit = client.transport == Transport::Udp ? query.udp_limit(options_.udp_bytes_max)
                                                      : limits::kMessageBytesMax;
    Handled handled;
    if (rate_limited(query, client, out, handled)) {
        count(query, client, handled, out.first(handled.size));
        return handled;
    }
    if (parsed.state == Parsed::Bad) {
        handled = {write_error(query, parsed.rcode, out), parsed.rcode};
        count(query, client, handled, out.first(handled.size));
        return handled;
    }
    WatchedReplies watched(*this, query, client, replies);
    handled = handler_.handle(query, client, out, watched);
    if (!watched.deferred()) {
        count(query, client, handled, out.first(handled.size));
    }
    return handled;
}

void Server::count(
    const QueryView& query, const Client& client, const Handled& handled, Bytes answer) {
    const bool v6 = client.address.address.is_v6();
    counters_.request(client.transport, v6, query.type, query.packet.size());
    if (handled.size > 0) {
        counters_.response(handled.rcode, handled.size);
    } else {
        ++counters_.dropped;
    }
    if (wants_log(handled.rcode)) {
        auto entry = make_log_entry(query, client);
        entry.rcode = handled.rcode;
        entry.origin = handled.origin;
        entry.flags = response_flags(answer);
        entry.response_bytes = handled.size;
        entry.duration = netemu::Clock::now() - batch_start_;
        options_.log(entry);
    }
}

Reply Server::late(const QueryView& query, const Client& client, Reply send) {
    const auto start = batch_start_;
    return [this,
            alive = std::weak_ptr(alive_),
            start,
            send = std::move(send),
            entry = make_log_entry(query, client)](
               Bytes answer, Rcode rcode, const Origin& origin) mutable {
        if (alive.expired()) {
            return;
        }
        const bool v6 = entry.client.address.address.is_v6();
        const auto spent = netemu::Clock::now() - start;
        counters_.request(entry.client.transport, v6, entry.type, entry.query_bytes);
        counters_.duration(spent, 1);
        if (answer.empty()) {
            ++counters_.dropped;
        } else {
            counters_.response(rcode, answer.size());
            send(answer, rcode, origin);
        }
        if (wants_log(rcode)) {
            entry.rcode = rcode;
            entry.origin = origin;
            entry.flags = response_flags(answer);
            entry.response_bytes = answer.size();
            entry.duration = spent;
            options_.log(entry);
        }
    };
}

} // namespace dns
