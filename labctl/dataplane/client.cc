#include "labctl/dataplane/client.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "labctl/dataplane/channel.h"
#include "labctl/dataplane/child_process.h"
#include "labctl/dataplane/probe_runner.h"
#include "labctl/dataplane/workload_registry.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kRestartDelayMin = 50ms;
constexpr std::chrono::milliseconds kRestartDelayMax = 5s;
constexpr auto kHealthyAge = 2s; // a child that lived this long is started again at once

} // namespace

class DataPlane::Impl {
public:
    Impl(netemu::EventLoop& loop, Options options)
        : loop_(loop), options_(std::move(options)),
          workloads(options_.open_socket, nullptr, nullptr),
          probes(loop, options_.open_socket, options_.identity) {}

    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() { loop_.cancel(restart_timer_); }

    void start() {
        process_ = std::make_unique<ChildProcess>(options_.executable, options_.verbosity);
        started_ = netemu::Clock::now();
        workload_channel_ =
            make_channel(std::move(process_->workload_channel), &Impl::workload_message);
        probe_channel_ = make_channel(std::move(process_->probe_channel), &Impl::probe_message);
        workloads.set_channel(workload_channel_.get());
        probes.set_channel(probe_channel_.get());
    }

    [[nodiscard]] pid_t pid() const { return process_ ? process_->pid() : -1; }

private:
    using Handler = void (Impl::*)(std::string_view message);

    std::unique_ptr<Channel> make_channel(netemu::UniqueFd socket, Handler handler) {
        return std::make_unique<Channel>(
            loop_,
            std::move(socket),
            [this, handler](std::string_view message, std::vector<netemu::UniqueFd>& /*fds*/) {
                handle(message, handler);
            },
            [this] { lost("the data plane has ended"); });
    }

    void handle(std::string_view message, Handler handler) {
        try {
            (this->*handler)(message);
        } catch (const netemu::Error& error) {
            lost(error.what());
        }
    }

    void workload_message(std::string_view message) {
        WireReader record(message);
        while (!record.done()) {
            switch (record.op()) {
            case Op::Hello:
                break;
            case Op::Serving:
                workloads.serving(record);
                break;
            case Op::Logs:
                workloads.logs_arrived(record);
                break;
            default:
                throw netemu::Error("the data plane sends an unknown record");
            }
        }
    }

    void probe_message(std::string_view message) {
        WireReader record(message);
        while (!record.done()) {
            switch (record.op()) {
            case Op::Sample:
                probes.sample(record);
                break;
            case Op::JobDone:
                probes.job_done(record);
                break;
            default:
                throw netemu::Error("the data plane sends an unknown record");
            }
        }
        probes.pump();
    }

    /// The child has gone, or must go. Everything it had is put back; a new one is started from the
    /// loop.
    void lost(const std::string& why) {
        if (restart_timer_ != 0) {
            return;
        }
        const bool healthy = netemu::Clock::now() - started_ > kHealthyAge;
        delay_ = healthy ? 0ms : std::clamp(delay_ * 2, kRestartDelayMin, kRestartDelayMax);
        netemu::logger("dataplane")
            ->warn("{}; starting it again pid={} delay_ms={}", why, pid(), delay_.count());
        workloads.set_channel(nullptr);
        probes.set_channel(nullptr);
        restart_timer_ = loop_.after(delay_, [this] { restart(); });
    }

    void restart() {
        restart_timer_ = 0;
        workload_channel_.reset();
        probe_channel_.reset();
        process_.reset();
        try {
            start();
        } catch (const netemu::Error& error) {
            started_ = netemu::Clock::now();
            lost(error.what());
        }
    }

    netemu::EventLoop& loop_;
    Options options_;

public:
    WorkloadRegistry workloads; // NOLINT: the two halves of what a data plane does
    ProbeRunner probes;         // NOLINT

private:
    std::unique_ptr<ChildProcess> process_;
    std::unique_ptr<Channel> workload_channel_;
    std::unique_ptr<Channel> probe_channel_;
    netemu::Clock::time_point started_;
    std::chrono::milliseconds delay_{0};
    netemu::EventLoop::TimerId restart_timer_ = 0;
};

DataPlane::DataPlane(netemu::EventLoop& loop, Options options)
    : impl_(std::make_unique<Impl>(loop, std::move(options))) {
}

DataPlane::~DataPlane() = default;

void DataPlane::start() {
    impl_->start();
}

pid_t DataPlane::pid() const {
    return impl_->pid();
}

void DataPlane::on_ready(ReadyCallback callback) {
    impl_->workloads.on_ready(std::move(callback));
}

void DataPlane::on_failure(FailureCallback callback) {
    impl_->workloads.on_failure(std::move(callback));
}

void DataPlane::serve(const std::vector<WorkloadSpec>& pods) {
    impl_->workloads.serve(pods);
}

void DataPlane::withdraw(const std::string& pod) {
    impl_->workloads.withdraw(pod);
}

void DataPlane::set_ready(const std::string& pod, bool ready) {
    impl_->workloads.set_ready(pod, ready);
}

bool DataPlane::serves(const std::string& pod) const {
    return impl_->workloads.serves(pod);
}

void DataPlane::logs(const std::string& pod, std::size_t lines, LogCallback callback) {
    impl_->workloads.logs(pod, lines, std::move(callback));
}

void DataPlane::probe(std::vector<ResolvedRequest> requests, bool sequential, ProbeCallback done) {
    impl_->probes.run(std::move(requests), sequential, std::move(done));
}

} // namespace labctl::dataplane
