#include "labctl/dataplane/prober.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "labctl/dataplane/lookup.h"
#include "labctl/dataplane/probe_tls.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

/// Samples are sent together, but not so late that the supervisor runs dry.
constexpr std::size_t kSamplesBatchBytes = 32U << 10U;

WireWriter& write_http(WireWriter& out, const probe::Http& http) {
    out.u16(static_cast<std::uint16_t>(http.status))
        .u32(static_cast<std::uint32_t>(http.headers.size()));
    for (const auto& [name, value] : http.headers) {
        out.text(name).text(value);
    }
    return out.text(http.body);
}

void write_tls(WireWriter& out, const ProbeOutcome& outcome) {
    const auto& tls = *outcome.tls;
    out.text(tls.version).text(tls.server_name).text(tls.subject).text(tls.issuer);
    out.text(tls.not_after).text(outcome.peer_identity);
    out.u32(static_cast<std::uint32_t>(tls.dns_names.size()));
    for (const auto& name : tls.dns_names) {
        out.text(name);
    }
}

void write_grpc(WireWriter& out, const probe::Grpc& grpc) {
    out.u32(static_cast<std::uint32_t>(grpc.status)).text(grpc.message).text(grpc.health);
}

void write_answers(WireWriter& out, const std::vector<probe::DnsAnswer>& answers) {
    out.u32(static_cast<std::uint32_t>(answers.size()));
    for (const auto& answer : answers) {
        out.text(answer.name).text(answer.type).u32(answer.ttl).text(answer.data);
    }
}

void write_dns(WireWriter& out, const ProbeOutcome& outcome) {
    write_answers(out.text(outcome.rcode), outcome.answers);
    out.u32(static_cast<std::uint32_t>(outcome.steps.size()));
    for (const auto& step : outcome.steps) {
        out.text(step.name).text(step.type).text(step.server).u8(step.tcp ? 1 : 0).u16(step.id);
        out.text(step.rcode).u32(static_cast<std::uint32_t>(step.rtt_us));
        write_answers(out, step.answers);
    }
}

} // namespace

Prober::~Prober() {
    auto tasks = std::exchange(tasks_, {});
    tasks.clear();
}

void Prober::handle(std::string_view message, std::vector<netemu::UniqueFd>& fds) {
    WireReader record(message);
    std::size_t next_fd = 0;
    while (!record.done()) {
        switch (record.op()) {
        case Op::AddTemplate:
            add_template(record);
            break;
        case Op::AddPayload: {
            auto& what = *templates_.at(record.u32());
            what.payload.append(record.text());
            break;
        }
        case Op::AddAuthorities: {
            auto& what = *templates_.at(record.u32());
            what.ca.append(record.text());
            break;
        }
        case Op::DropTemplate:
            templates_.erase(record.u32());
            break;
        case Op::Start:
            next_fd = start(record, fds, next_fd);
            break;
        case Op::Dropped:
            dropped(record);
            break;
        case Op::StopJob:
            stop(record.u32());
            break;
        default:
            throw netemu::Error("an unknown record on the probe channel");
        }
    }
}

void Prober::add_template(WireReader& record) {
    const auto id = record.u32();
    ProbeTemplate what;
    what.scheme = static_cast<probe::Scheme>(record.u8());
    what.identity = record.u8() != 0;
    what.evidence = record.u8() != 0;
    what.timeout_ms = record.u32();
    what.method = record.text();
    what.tls_host = record.text();
    templates_[id] = std::make_shared<ProbeTemplate>(std::move(what));
}

std::size_t
Prober::start(WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t next_fd) {
    ProbeJob job;
    job.id = record.u32();
    auto& what = templates_.at(record.u32());
    if (what->scheme == probe::Scheme::Https && !what->tls) {
        what->tls = make_tls_config(what->ca);
    }
    job.what = what;
    job.remote = record.endpoint();
    job.source_port = record.u16();
    job.exchanges = record.u32();
    auto socket = std::move(fds.at(next_fd++));
    std::vector<netemu::UniqueFd> more;
    if (job.what->scheme == probe::Scheme::Dns) {
        const auto sockets = 2 * decode_lookup(job.what->payload).servers.size();
        while (more.size() + 1 < sockets) {
            more.push_back(std::move(fds.at(next_fd++)));
        }
    }
    auto task = ProbeTask::make(*this, std::move(job), std::move(socket), std::move(more));
    auto& started = *task;
    tasks_.emplace(&started, std::move(task));
    started.start();
    return next_fd;
}

void Prober::dropped(WireReader& record) {
    DropNotice notice;
    notice.id = record.u32();
    notice.mark.protocol = record.u8();
    notice.mark.source = record.endpoint();
    notice.mark.sequence = record.u16();
    notice.destination = record.endpoint();
    for (auto count = record.u32(); count > 0; --count) {
        notice.fronts.push_back(record.endpoint());
    }
    if (auto* task = meant_by(notice)) {
        task->dropped(notice.id);
    }
}

void Prober::stop(std::uint32_t job) {
    const auto found = std::find_if(tasks_.begin(), tasks_.end(), [job](const auto& entry) {
        return entry.first->job().id == job;
    });
    if (found != tasks_.end()) { // it may have come to its end by itself
        found->second->end();
    }
}

void Prober::await_drop(const ProbeMark& mark, const netemu::Endpoint& remote, ProbeTask& task) {
    awaiting_.emplace(mark, Awaiting{remote, &task});
}

void Prober::forget_drop(const ProbeMark& mark, const ProbeTask& task) {
    const auto [begin, end] = awaiting_.equal_range(mark);
    const auto found =
        std::find_if(begin, end, [&task](const auto& entry) { return entry.second.task == &task; });
    if (found != end) {
        awaiting_.erase(found);
    }
}

/// Connections to different destinations may share a port, those of a Service and of its endpoint,
/// too: then nobody knows whose packet it was, and it ends none of them.
ProbeTask* Prober::meant_by(const DropNotice& notice) const {
    const auto [begin, end] = awaiting_.equal_range(notice.mark);
    ProbeTask* meant = nullptr;
    for (auto entry = begin; entry != end; ++entry) {
        if (!notice.was_sent_to(entry->second.remote)) {
            continue;
        }
        if (meant != nullptr) {
            return nullptr;
        }
        meant = entry->second.task;
    }
    return meant;
}

void Prober::sample(const ProbeJob& job, const ProbeOutcome& outcome) {
    const auto rtt =
        std::min<std::uint64_t>(outcome.rtt_us, std::numeric_limits<std::uint32_t>::max());
    WireWriter record;
    record.op(Op::Sample).u32(job.id).u8(static_cast<std::uint8_t>(outcome.outcome));
    record.u32(static_cast<std::uint32_t>(rtt)).u32(outcome.drop);
    record.text(outcome.local).text(outcome.detail);
    record.text(outcome.backend).text(outcome.client_ip);
    const bool dns = !outcome.http && !outcome.rcode.empty();
    record.u8(static_cast<std::uint8_t>(
        (outcome.http ? kSampleHasHttp : 0U) | (dns ? kSampleHasDns : 0U) |
        (outcome.tls ? kSampleHasTls : 0U) | (outcome.grpc ? kSampleHasGrpc : 0U)));
    if (outcome.http) {
        write_http(record, *outcome.http);
    }
    if (dns) {
        write_dns(record, outcome);
    }
    if (outcome.tls) {
        write_tls(record, outcome);
    }
    if (outcome.grpc) {
        write_grpc(record, *outcome.grpc);
    }
    if (samples_.size() + record.size() > kMessageBytesMax - kShortRecordBytes) {
        flush();
    }
    samples_.raw(record.bytes());
}

void Prober::done(ProbeTask& task) {
    samples_.op(Op::JobDone).u32(task.job().id);
    const auto found = tasks_.find(&task);
    if (found != tasks_.end()) {
        done_.push_back(std::move(found->second));
        tasks_.erase(found);
    }
    if (samples_.size() > kSamplesBatchBytes) {
        flush();
    }
}

void Prober::end_turn() {
    flush();
    done_.clear();
}

void Prober::flush() {
    if (!samples_.empty()) {
        reply_(samples_.bytes());
        samples_.clear();
    }
}

} // namespace labctl::dataplane
