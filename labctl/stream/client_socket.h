#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "labctl/stream/byte_link.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::stream {

/// The connection of one client after the upgrade, as it is.
class ClientSocket final : public ByteLink {
public:
    /// More than this not yet taken by the client, and it is congested.
    static constexpr std::size_t kOutputBytesMax = 256U << 10U;

    /// `unread` is input that somebody has read of it already.
    ClientSocket(netemu::EventLoop& loop, netemu::UniqueFd fd, std::string unread);
    ClientSocket(const ClientSocket&) = delete;
    ClientSocket& operator=(const ClientSocket&) = delete;
    ~ClientSocket() override;

    void handle(Handlers handlers) override { handlers_ = std::move(handlers); }
    void send(std::string_view bytes) override;
    [[nodiscard]] bool congested() const override {
        return output_.size() - sent_ > kOutputBytesMax;
    }
    void pause(bool paused) override;
    /// Also waits for the client to end its half, for kLingerSeconds at most: a connection that is
    /// closed with input unread loses what the client has not read yet.
    void finish() override;

private:
    static constexpr int kLingerSeconds = 5; // without any progress of the client's

    void on_event(std::uint32_t events);
    void on_soon();
    void come_back_soon();
    void take_unread();
    void tell_room();
    void read_some();
    void write_some();
    void watch();
    void linger();
    void end();

    netemu::EventLoop& loop_;
    netemu::UniqueFd fd_;
    Handlers handlers_;
    std::string unread_;
    std::string output_;
    std::size_t sent_ = 0;   // of output_
    bool owes_room_ = false; // it was congested, and `room` was not told since
    bool paused_ = false;
    bool finishing_ = false;
    bool ended_ = false;
    netemu::EventLoop::TimerId timer_ = 0; // of `linger`
    netemu::EventLoop::TimerId soon_ = 0;
};

} // namespace labctl::stream
