#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "labctl/dataplane/probe_task.h"

namespace labctl::dataplane {

/// What http and grpc have in common: whole exchanges, one or several in a row over one TCP
/// connection.
class ExchangeProbe : public ProbeTask {
public:
    ExchangeProbe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket);
    ExchangeProbe(const ExchangeProbe&) = delete;
    ExchangeProbe& operator=(const ExchangeProbe&) = delete;

    void start() override;

protected:
    ~ExchangeProbe() override = default;

    /// Begins an exchange, which `started_` is the time of: gives what is to be sent to `out_`.
    virtual void begin() = 0;
    /// What the server says; "": it has ended.
    virtual void take(std::string_view bytes) = 0;
    /// When `out_` is sent: what is to be sent behind it.
    virtual std::string more_to_send() { return {}; }
    /// `attempt` failed: in whose words.
    [[nodiscard]] virtual std::string describe(const std::string& attempt) const { return attempt; }

    /// False if the task has ended.
    bool send_waiting();
    /// What is left to say, if the socket takes it at once: nobody waits for it.
    void send_last();
    /// Reports an exchange, and begins the next one if there are any and the connection is
    /// `reusable`; else says its last words and ends.
    void exchanged(ProbeOutcome outcome, bool reusable);
    /// Before the end of a connection whose exchanges are done.
    virtual void say_last_words() { send_last(); }
    void finish_reset(std::string detail);
    /// Whether a server may simply have closed an idle connection: the exchange is then made on a
    /// new one.
    [[nodiscard]] bool may_be_stale() const { return left_ < job().exchanges && !answered_; }
    [[nodiscard]] bool connected() const { return connected_; }

    bool answered_ = false; // NOLINT: something of this exchange's answer has come
    std::string out_;       // NOLINT: what has still to be sent

private:
    void on_events(std::uint32_t events) override;
    bool check_connected(std::uint32_t events);
    void read();
    bool fail(const std::string& attempt, int error);

    std::uint32_t left_;
    bool connected_ = false;
};

} // namespace labctl::dataplane
