#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "labctl/dataplane/client_stream.h"
#include "labctl/dataplane/upstream_pool.h"

namespace labctl::dataplane {

/// Copies bytes between a client's connection and one to an endpoint, whatever they mean, either of
/// them with TLS or without. The end of one direction is passed on, and a break as a break (RST).
/// Not to be destroyed by its own callbacks. Belongs to the loop's thread.
class TcpRelay final : private ClientListener, private StreamListener {
public:
    /// How it ended: bytes each way, and why, if not in good order.
    struct Outcome {
        std::uint64_t to_endpoint = 0;
        std::uint64_t to_client = 0;
        std::string problem;
    };
    using Closed = std::function<void(const Outcome& outcome)>;

    /// Takes over from whoever has heard what `client` tells; it has been started. `pool` outlives
    /// this.
    TcpRelay(
        netemu::EventLoop& loop,
        UpstreamPool& pool,
        std::unique_ptr<ClientStream> client,
        Upstream upstream,
        Closed closed);
    TcpRelay(const TcpRelay&) = delete;
    TcpRelay& operator=(const TcpRelay&) = delete;
    ~TcpRelay();

    /// Begins to connect. `bytes` have come from the client already, and if it `has_ended` there
    /// are no more.
    void start(std::string_view bytes, bool has_ended);
    /// Closes it if nothing has happened for too long.
    void expire(netemu::Clock::time_point now);

private:
    void on_client_bytes(std::string_view bytes) override;
    void on_client_ended() override;
    void on_client_failed(const std::string& why) override;
    void on_client_drained() override;
    void on_client_finished() override { end_if_done(); }
    void on_received(std::string_view bytes) override;
    void on_ended() override;
    void on_failed(int error) override;
    void on_drained() override;
    void on_connected() override;
    void on_finished() override { end_if_done(); }
    void socket_arrived(netemu::UniqueFd socket);
    void end_if_done();
    void end(const std::string& problem);

    netemu::EventLoop& loop_;
    UpstreamPool& pool_;
    std::unique_ptr<ClientStream> client_;
    Upstream upstream_;
    Closed closed_;
    std::shared_ptr<UpstreamStream> server_;
    std::optional<std::uint32_t> order_;
    std::string waiting_; // from the client; there is no connection yet
    Outcome outcome_;
    netemu::Clock::time_point last_active_;
    bool connected_ = false;
    bool client_ended_ = false;
    bool server_ended_ = false;
    bool over_ = false;
};

} // namespace labctl::dataplane
