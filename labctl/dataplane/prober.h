#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "labctl/dataplane/probe_task.h"
#include "labctl/dataplane/wire.h"

namespace labctl::dataplane {

/// Runs the probes that the supervisor orders, on one loop, on sockets that are handed in. Runs in
/// the child.
class Prober final : public ProbeHost {
public:
    /// Sends one message to the supervisor.
    using Reply = std::function<void(std::string message)>;

    Prober(netemu::EventLoop& loop, Reply reply) : loop_(loop), reply_(std::move(reply)) {}
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;
    ~Prober() override;

    /// Carries out the records of one message of the probe channel; takes the descriptors it needs.
    void handle(std::string_view message, std::vector<netemu::UniqueFd>& fds);
    /// Sends the samples of this turn of the loop and buries its finished tasks. Call at the end of
    /// each turn.
    void end_turn();

private:
    struct Awaiting {
        netemu::Endpoint remote; // where its packet was sent to
        ProbeTask* task;         // that is live
    };

    void flush();
    void add_template(WireReader& record);
    /// Takes what it needs of `fds` from `next_fd` on; returns the first one behind.
    std::size_t start(WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t next_fd);
    netemu::EventLoop& loop() override { return loop_; }
    void sample(const ProbeJob& job, const ProbeOutcome& outcome) override;
    void done(ProbeTask& task) override;
    void
    await_drop(const ProbeMark& mark, const netemu::Endpoint& remote, ProbeTask& task) override;
    void forget_drop(const ProbeMark& mark, const ProbeTask& task) override;
    [[nodiscard]] ProbeTask* meant_by(const DropNotice& notice) const;
    void dropped(WireReader& record);
    void stop(std::uint32_t job);

    netemu::EventLoop& loop_;
    Reply reply_;
    std::unordered_map<std::uint32_t, std::shared_ptr<ProbeTemplate>> templates_;
    std::unordered_map<const ProbeTask*, std::unique_ptr<ProbeTask>> tasks_;
    std::multimap<ProbeMark, Awaiting> awaiting_;
    std::vector<std::unique_ptr<ProbeTask>> done_; // until the turn ends
    WireWriter samples_;
};

} // namespace labctl::dataplane
