#include "labctl/dataplane/client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <utility>

#include "labctl/dataplane/channel.h"
#include "labctl/dataplane/child.h"
#include "labctl/dataplane/child_process.h"
#include "labctl/dataplane/dns_registry.h"
#include "labctl/dataplane/ingress_registry.h"
#include "labctl/dataplane/link_registry.h"
#include "labctl/dataplane/probe_runner.h"
#include "labctl/dataplane/proxy_registry.h"
#include "labctl/dataplane/sidecar_registry.h"
#include "labctl/dataplane/tunnel_registry.h"
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
          workloads(options_.open_socket, nullptr, nullptr), proxies(options_.open_socket),
          tunnels(options_.open_socket, options_.open_tun), links(options_.open_tun) {
        std::uint32_t first_id = 1;
        for (auto& lane : lanes_) {
            lane.runner = std::make_unique<ProbeRunner>(
                loop, options_.open_socket, options_.identity, first_id, options_.describe_drop);
            first_id += ~std::uint32_t{0} / kProbeThreads;
        }
    }

    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() { loop_.cancel(restart_timer_); }

    void start() {
        process_ = std::make_unique<ChildProcess>(options_.executable, options_.verbosity);
        started_ = netemu::Clock::now();
        workload_channel_ =
            make_channel(std::move(process_->workload_channel), [this](std::string_view message) {
                workload_message(message);
            });
        zone.set_channel(workload_channel_.get());     // first: who asks, asks a complete zone
        ingress.set_channel(workload_channel_.get());  // likewise
        sidecars.set_channel(workload_channel_.get()); // likewise
        workloads.set_channel(workload_channel_.get());
        proxies.set_channel(workload_channel_.get());
        watch_dns();
        tunnel_channel_ =
            make_channel(std::move(process_->tunnel_channel), [this](std::string_view message) {
                tunnel_message(message);
            });
        tunnels.set_channel(tunnel_channel_.get());
        link_channel_ =
            make_channel(std::move(process_->link_channel), [this](std::string_view message) {
                link_message(message);
            });
        links.set_channel(link_channel_.get());
        for (std::size_t i = 0; i < lanes_.size(); ++i) {
            auto& lane = lanes_.at(i);
            lane.channel = make_channel(
                std::move(process_->probe_channels.at(i)),
                [runner = lane.runner.get()](std::string_view message) {
                    probe_message(*runner, message);
                });
            lane.runner->set_channel(lane.channel.get());
        }
    }

    /// Probes of one namespace always take the same lane: its sockets are made in one go, and two
    /// threads never wait for the same ICMP answer. A sequence is one lane's.
    std::uint64_t
    probe(std::vector<ResolvedRequest> requests, bool sequential, ProbeCallback done) {
        const auto list = ++last_probes_;
        if (sequential || requests.size() < 2) {
            lanes_.front().runner->run(list, std::move(requests), sequential, std::move(done));
            return list;
        }
        auto split = std::make_shared<Split>();
        split->results.resize(requests.size());
        split->done = std::move(done);
        std::array<std::vector<ResolvedRequest>, kProbeThreads> parts;
        std::array<std::vector<std::size_t>, kProbeThreads> places;
        for (std::size_t i = 0; i < requests.size(); ++i) {
            const auto lane = std::hash<std::string>{}(requests[i].ns) % parts.size();
            places.at(lane).push_back(i);
            parts.at(lane).push_back(std::move(requests[i]));
        }
        split->lanes_left = static_cast<std::size_t>(std::count_if(
            parts.begin(), parts.end(), [](const auto& part) { return !part.empty(); }));
        for (std::size_t lane = 0; lane < parts.size(); ++lane) {
            if (!parts.at(lane).empty()) {
                lanes_.at(lane).runner->run(
                    list,
                    std::move(parts.at(lane)),
                    false,
                    [split,
                     where = std::move(places.at(lane))](std::vector<probe::Result> results) {
                        split->take(where, std::move(results));
                    });
            }
        }
        return list;
    }

    void stop_probes(std::uint64_t list) {
        for (auto& lane : lanes_) {
            lane.runner->stop(list);
        }
    }

    void dropped(const std::vector<DropNotice>& notices) {
        for (auto& lane : lanes_) {
            lane.runner->dropped(notices);
        }
    }

    [[nodiscard]] pid_t pid() const { return process_ ? process_->pid() : -1; }

    void watch_dns() {
        if (workload_channel_) {
            const std::uint8_t watched = on_dns_event ? 1 : 0;
            workload_channel_->send(WireWriter().op(Op::DnsWatch).u8(watched).bytes());
        }
    }

private:
    using Handler = std::function<void(std::string_view message)>;

    /// One thread of the child that sends probes.
    struct Lane {
        std::unique_ptr<ProbeRunner> runner;
        std::unique_ptr<Channel> channel;
    };

    /// A list of probes that several lanes work on.
    struct Split {
        std::vector<probe::Result> results;
        std::size_t lanes_left = 0;
        ProbeCallback done;

        void take(const std::vector<std::size_t>& where, std::vector<probe::Result> part) {
            for (std::size_t i = 0; i < where.size(); ++i) {
                results.at(where[i]) = std::move(part.at(i));
            }
            if (--lanes_left == 0) {
                done(std::move(results));
            }
        }
    };

    std::unique_ptr<Channel> make_channel(netemu::UniqueFd socket, const Handler& handler) {
        return std::make_unique<Channel>(
            loop_,
            std::move(socket),
            [this, handler](std::string_view message, std::vector<netemu::UniqueFd>& /*fds*/) {
                handle(message, handler);
            },
            [this] { lost("the data plane has ended"); });
    }

    void handle(std::string_view message, const Handler& handler) {
        try {
            handler(message);
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
            case Op::Served:
                workloads.served_arrived(record);
                break;
            case Op::Clients:
                proxies.clients_arrived(record);
                break;
            case Op::NeedSocket:
                proxies.need_socket(record);
                break;
            case Op::DnsQuery:
                workloads.dns_query(record, on_dns_event);
                break;
            case Op::DnsCrash:
                workloads.dns_crash(record);
                break;
            case Op::WantSockets:
                workloads.want_sockets(record);
                break;
            case Op::NeedPodSocket:
                workloads.need_pod_socket(record);
                break;
            default:
                throw netemu::Error("the data plane sends an unknown record");
            }
        }
    }

    void tunnel_message(std::string_view message) {
        WireReader record(message);
        while (!record.done()) {
            switch (record.op()) {
            case Op::TunnelCounters:
                tunnels.counters_arrived(record);
                break;
            case Op::TunnelDrops:
                tunnels.drops_arrived(record, on_tunnel_drops);
                break;
            default:
                throw netemu::Error("the data plane sends an unknown record");
            }
        }
    }

    void link_message(std::string_view message) {
        WireReader record(message);
        while (!record.done()) {
            if (record.op() != Op::LinkCounters) {
                throw netemu::Error("the data plane sends an unknown record");
            }
            links.counters_arrived(record);
        }
    }

    static void probe_message(ProbeRunner& probes, std::string_view message) {
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
        netemu::log_warning(
            "dataplane",
            why + "; starting it again pid=" + std::to_string(pid()) +
                " delay_ms=" + std::to_string(delay_.count()));
        zone.set_channel(nullptr);
        ingress.set_channel(nullptr);
        sidecars.set_channel(nullptr);
        workloads.set_channel(nullptr);
        proxies.set_channel(nullptr);
        tunnels.set_channel(nullptr);
        links.set_channel(nullptr);
        for (auto& lane : lanes_) {
            lane.runner->set_channel(nullptr);
        }
        restart_timer_ = loop_.after(delay_, [this] { restart(); });
    }

    void restart() {
        restart_timer_ = 0;
        workload_channel_.reset();
        tunnel_channel_.reset();
        link_channel_.reset();
        for (auto& lane : lanes_) {
            lane.channel.reset();
        }
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
    WorkloadRegistry workloads;         // NOLINT: half of what a data plane does
    DnsRegistry zone;                   // NOLINT: likewise
    IngressRegistry ingress;            // NOLINT: likewise
    SidecarRegistry sidecars;           // NOLINT: likewise
    ProxyRegistry proxies;              // NOLINT: likewise
    TunnelRegistry tunnels;             // NOLINT: likewise
    LinkRegistry links;                 // NOLINT: likewise
    DnsEventCallback on_dns_event;      // NOLINT: likewise
    TunnelDropCallback on_tunnel_drops; // NOLINT: likewise

private:
    std::unique_ptr<ChildProcess> process_;
    std::unique_ptr<Channel> workload_channel_;
    std::unique_ptr<Channel> tunnel_channel_;
    std::unique_ptr<Channel> link_channel_;
    std::array<Lane, kProbeThreads> lanes_;
    std::uint64_t last_probes_ = 0; // number of the last list
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

void DataPlane::on_crash(FailureCallback callback) {
    impl_->workloads.on_crash(std::move(callback));
}

void DataPlane::serve(const std::vector<WorkloadSpec>& pods) {
    impl_->workloads.serve(pods);
}

void DataPlane::withdraw(const std::string& pod) {
    (void)impl_->workloads.withdraw(pod);
}

void DataPlane::serve_proxies(const std::vector<ProxySpec>& proxies) {
    impl_->proxies.serve(proxies);
}

void DataPlane::keep_only_proxies(const std::vector<ProxySpec>& proxies) {
    impl_->proxies.keep_only(proxies);
}

void DataPlane::proxy_clients(ProxyClientsCallback callback) {
    impl_->proxies.clients(std::move(callback));
}

void DataPlane::set_health(const std::string& check, std::uint32_t endpoints) {
    impl_->workloads.set_health(check, endpoints);
}

void DataPlane::set_ready(const std::string& pod, bool ready) {
    impl_->workloads.set_ready(pod, ready);
}

bool DataPlane::serves(const std::string& pod) const {
    return impl_->workloads.serves(pod);
}

void DataPlane::change_tunnels(services::IdentityNetwork network) {
    impl_->tunnels.change(std::move(network));
}

void DataPlane::serve_tunnels() {
    impl_->tunnels.serve();
}

const std::map<std::string, TunnelCounters>& DataPlane::tunnel_counters() const {
    return impl_->tunnels.counters();
}

void DataPlane::on_tunnel_drops(TunnelDropCallback callback) {
    impl_->on_tunnel_drops = std::move(callback);
}

void DataPlane::serve_links(const std::vector<LinkCable>& cables) {
    impl_->links.serve(cables);
}

const LinkCounters* DataPlane::link_counters(const std::string& ns, const std::string& link) const {
    return impl_->links.counters(ns, link);
}

void DataPlane::change_dns(const dns::ZoneChanges& changes) {
    impl_->zone.change(changes);
}

void DataPlane::change_ingress(const std::string& controller, const services::IngressTable& rules) {
    impl_->ingress.change(controller, rules);
}

void DataPlane::change_gateway(const std::string& gateway, const services::GatewayTable& table) {
    impl_->ingress.change_gateway(gateway, table);
}

void DataPlane::served(const std::string& pod, ServedCallback callback) {
    impl_->workloads.served(pod, std::move(callback));
}

void DataPlane::set_dns_ports(std::vector<std::uint16_t> ports) {
    impl_->workloads.set_dns_ports(std::move(ports));
}

void DataPlane::watch_dns(DnsEventCallback callback) {
    impl_->on_dns_event = std::move(callback);
    impl_->watch_dns();
}

void DataPlane::change_sidecars(const mesh::SidecarTable& table) {
    impl_->sidecars.change(table);
}

void DataPlane::logs(const std::string& pod, std::size_t lines, LogCallback callback, LogOf whose) {
    impl_->workloads.logs(pod, lines, std::move(callback), whose);
}

std::uint64_t
DataPlane::probe(std::vector<ResolvedRequest> requests, bool sequential, ProbeCallback done) {
    return impl_->probe(std::move(requests), sequential, std::move(done));
}

void DataPlane::stop_probes(std::uint64_t list) {
    impl_->stop_probes(list);
}

void DataPlane::dropped(const std::vector<DropNotice>& notices) {
    impl_->dropped(notices);
}

} // namespace labctl::dataplane
