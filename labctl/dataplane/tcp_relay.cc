#include "labctl/dataplane/tcp_relay.h"

#include <utility>

#include <system_error>

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr auto kRelayIdleMax = 1h;     // Envoy's idle_timeout of tcp_proxy
constexpr auto kRelayConnectMax = 10s; // Istio's connectTimeout
constexpr std::size_t kRelayWaitingMax = 64U << 10U;

} // namespace

TcpRelay::TcpRelay(
    netemu::EventLoop& loop,
    UpstreamPool& pool,
    std::unique_ptr<ClientStream> client,
    Upstream upstream,
    Closed closed)
    : loop_(loop), pool_(pool), client_(std::move(client)), upstream_(std::move(upstream)),
      closed_(std::move(closed)), last_active_(netemu::Clock::now()) {
    client_->set_listener(*this);
}

TcpRelay::~TcpRelay() {
    if (order_) {
        pool_.cancel_order(*order_);
    }
}

void TcpRelay::start(std::string_view bytes, bool has_ended) {
    waiting_ = bytes;
    client_ended_ = has_ended;
    order_ =
        pool_.order_socket(upstream_.endpoint.address.family(), [this](netemu::UniqueFd socket) {
            socket_arrived(std::move(socket));
        });
}

void TcpRelay::socket_arrived(netemu::UniqueFd socket) {
    order_.reset();
    if (over_) {
        return;
    }
    if (!socket) {
        return end("no more sockets are to be had");
    }
    server_ = std::make_shared<UpstreamStream>(
        loop_, std::move(socket), upstream_, static_cast<StreamListener&>(*this));
    server_->connect();
}

void TcpRelay::on_connected() {
    connected_ = true;
    last_active_ = netemu::Clock::now();
    outcome_.to_endpoint += waiting_.size();
    server_->send(std::exchange(waiting_, {}));
    client_->pause(server_->full());
    if (client_ended_) {
        server_->finish();
    }
}

void TcpRelay::expire(netemu::Clock::time_point now) {
    const auto idle = now - last_active_;
    if (!connected_ && idle > kRelayConnectMax) {
        end("no connection within 10 s");
    } else if (idle > kRelayIdleMax) {
        end("nothing was said for an hour");
    }
}

// --- the client

void TcpRelay::on_client_bytes(std::string_view bytes) {
    last_active_ = netemu::Clock::now();
    if (!connected_) {
        waiting_.append(bytes);
        return client_->pause(waiting_.size() > kRelayWaitingMax);
    }
    outcome_.to_endpoint += bytes.size();
    server_->send(bytes);
    client_->pause(server_->full());
}

void TcpRelay::on_client_ended() {
    if (client_->cut_short()) {
        return end("TLS: the client ended the connection without saying so (close_notify)");
    }
    client_ended_ = true;
    if (connected_) {
        server_->finish();
        end_if_done();
    }
}

void TcpRelay::on_client_failed(const std::string& why) {
    if (why.empty() && client_ended_ && server_ended_ && client_->unsent() == 0) {
        return end_if_done(); // what the endpoint has not got yet is on its way
    }
    end(why.empty() ? "the client has broken the connection" : "TLS: " + why);
}

void TcpRelay::on_client_drained() {
    if (server_) {
        server_->pause(false);
    }
}

// --- the endpoint

void TcpRelay::on_received(std::string_view bytes) {
    last_active_ = netemu::Clock::now();
    outcome_.to_client += bytes.size();
    client_->send(bytes);
    server_->pause(client_->full());
}

void TcpRelay::on_drained() {
    client_->pause(false);
}

void TcpRelay::on_ended() {
    server_ended_ = true;
    client_->finish();
    end_if_done();
}

void TcpRelay::on_failed(int error) {
    if (error == 0 && client_ended_ && server_ended_) {
        return end_if_done(); // likewise
    }
    const auto why = server_ && !server_->tls_problem().empty() ? "TLS: " + server_->tls_problem()
                     : error == 0 ? std::string("the endpoint has broken the connection")
                                  : std::generic_category().message(error);
    end(why);
}

/// Both directions have ended, and everything is sent.
void TcpRelay::end_if_done() {
    if (client_ended_ && server_ended_ && client_->unsent() == 0 &&
        (!server_ || server_->unsent() == 0)) {
        end({});
    }
}

void TcpRelay::end(const std::string& problem) {
    if (std::exchange(over_, true)) {
        return;
    }
    if (!problem.empty() && !client_->tls_failed()) { // else its alert is on its way
        client_->abort();
    }
    client_->close();
    if (server_) {
        if (!problem.empty()) {
            server_->abort();
        }
        server_->close();
        pool_.bury(server_);
    }
    outcome_.problem = problem;
    closed_(outcome_);
}

} // namespace labctl::dataplane
