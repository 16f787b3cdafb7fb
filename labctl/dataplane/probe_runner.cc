#include "labctl/dataplane/probe_runner.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "labctl/dataplane/probe_payload.h"
#include "labctl/dataplane/probe_sockets.h"
#include "labctl/dataplane/sample_record.h"
#include "netemu/base/error.h"
#include "netemu/base/limits.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;
using probe::Outcome;
using probe::Scheme;

constexpr std::size_t kSocketsPerMessage = 128;
constexpr std::size_t kJobsBatchBytes = 48U << 10U;
constexpr std::size_t kPayloadPieceBytes = 64U << 10U;
constexpr std::uint32_t kLossesMax = 3;

/// "x/a (10.244.1.5:40000) to 10.244.2.3:80/tcp: connect: Connection refused".
std::string error_text(
    const ResolvedRequest& request,
    const std::string& remote,
    std::string_view local,
    std::string_view detail) {
    std::string text = request.request.from;
    if (request.request.to.scheme == Scheme::Dns) {
        return text.append(": cannot resolve ")
            .append(request.lookup->name)
            .append(": ")
            .append(detail);
    }
    if (!local.empty()) {
        text.append(" (").append(local).append(")");
    }
    const auto scheme = request.request.to.scheme;
    const auto protocol = probe::is_http(scheme) ? std::string("tcp") : probe::to_string(scheme);
    text.append(" to ").append(remote).append("/").append(protocol).append(": ");
    return text.append(detail);
}

/// The address that a look-up gave: the first IPv4 one, or else the first IPv6 one. (RFC 6724
/// section 10.3 would turn the order round for global IPv6 addresses; those of a lab are private.)
std::optional<netemu::IpAddress> address_in(const probe::Sample& sample) {
    for (const char* type : {"A", "AAAA"}) {
        for (const auto& answer : sample.answers) {
            if (answer.type == type) {
                return netemu::IpAddress::parse(answer.data);
            }
        }
    }
    return std::nullopt;
}

/// The request of the look-up that `probe` needs first.
ResolvedRequest lookup_request(const ResolvedRequest& probe) {
    ResolvedRequest lookup;
    lookup.request.from = probe.request.from;
    lookup.request.to.scheme = Scheme::Dns;
    lookup.request.timeout_ms = probe.request.timeout_ms;
    lookup.ns = probe.ns;
    lookup.mark = probe.mark;
    lookup.lookup = probe.lookup;
    return lookup;
}

} // namespace

ProbeRunner::Item::Item(Run& owner, ResolvedRequest wanted)
    : run(owner), request(std::move(wanted)), aggregator(request.request, request.resolved),
      unassigned(request.request.count) {
    set_remote();
}

void ProbeRunner::Item::set_remote() {
    const netemu::Endpoint endpoint{request.address, request.port};
    const auto scheme = request.request.to.scheme;
    if (scheme == Scheme::Dns && request.lookup) {
        // Of several servers any may have answered.
        remote = request.lookup->servers.size() == 1 ? request.lookup->servers[0].to_string() : "";
    } else {
        remote = scheme == Scheme::Icmp ? request.address.to_string() : endpoint.to_string();
    }
}

ProbeRunner::ProbeRunner(
    netemu::EventLoop& loop,
    SocketFactory open_socket,
    bool identity,
    std::uint32_t first_id,
    DataPlane::DropDescriber describe_drop)
    : loop_(loop), open_socket_(std::move(open_socket)), identity_(identity),
      describe_drop_(std::move(describe_drop)), next_id_(first_id) {
}

ProbeRunner::~ProbeRunner() {
    *alive_ = false;
}

void ProbeRunner::set_channel(Channel* channel) {
    channel_ = channel;
    ++generation_;
    batch_.clear();
    batch_fds_.clear();
    for (const auto& [id, job] : std::exchange(jobs_, {})) {
        job.item->losses += std::exchange(job.item->lost_with, generation_) == generation_ ? 0 : 1;
        give_back(job);
    }
    pump();
}

void ProbeRunner::run(
    std::uint64_t list,
    std::vector<ResolvedRequest> requests,
    bool sequential,
    DataPlane::ProbeCallback done) {
    auto& run = *runs_.emplace_back(std::make_unique<Run>());
    run.list = list;
    run.done = std::move(done);
    run.sequential = sequential;
    run.unfinished = requests.size();
    run.items.reserve(requests.size());
    run.order.reserve(requests.size());
    for (auto& request : requests) {
        run.items.push_back(std::make_unique<Item>(run, std::move(request)));
        run.order.push_back(run.items.back().get());
    }
    if (run.unfinished == 0) {
        return finish(run);
    }
    if (sequential) {
        next_in_sequence(run);
    } else {
        // Neighbours in the order share a namespace, which makes their sockets cheaper to open.
        std::stable_sort(
            run.order.begin(), run.order.end(), [](const Item* left, const Item* right) {
                return left->request.ns < right->request.ns;
            });
        for (auto* item : run.order) {
            prepare(*item);
        }
    }
    pump();
}

void ProbeRunner::stop(std::uint64_t list) {
    const auto found = std::find_if(
        runs_.begin(), runs_.end(), [list](const auto& run) { return run->list == list; });
    if (found == runs_.end()) {
        return;
    }
    auto& run = **found;
    run.stopped = true;
    for (const auto& [id, job] : jobs_) {
        if (&job.item->run == &run) {
            batch_.op(Op::StopJob).u32(id);
        }
        if (batch_.size() > kJobsBatchBytes) {
            send_batch();
        }
    }
    send_batch();
    finish_stopped(run);
}

/// What the child still has of it comes back first.
void ProbeRunner::finish_stopped(Run& run) {
    if (run.jobs == 0 && run.unfinished > 0) {
        run.unfinished = 0;
        finish(run);
    }
}

void ProbeRunner::prepare(Item& item) {
    const auto scheme = item.request.request.to.scheme;
    if (item.request.decided) {
        item.unassigned = 0;
        item.aggregator.add(*item.request.decided);
        return check_finished(item);
    }
    if (item.request.lookup && scheme != Scheme::Dns) {
        return find_address(item);
    }
    item.what = template_of(item.run, item.request);
    enqueue(item);
}

/// Probes of one list from one place to one name share the look-up.
void ProbeRunner::find_address(Item& item) {
    auto& run = item.run;
    const auto& request = item.request;
    const auto key = request.ns + '\0' + std::to_string(request.mark) + '\0' +
                     std::to_string(request.request.timeout_ms) + '\0' +
                     encode_lookup(*request.lookup);
    auto& name = run.names[key];
    if (!name) {
        name = std::make_unique<NameLookup>();
        name->item = std::make_unique<Item>(run, lookup_request(request));
        name->item->name = name.get();
        name->waiting.push_back(&item);
        return prepare(*name->item);
    }
    if (name->answer) {
        return address_found(item, *name->answer);
    }
    name->waiting.push_back(&item);
}

void ProbeRunner::name_answered(NameLookup& name) {
    name.answer = name.item->aggregator.finish().first;
    for (auto* item : std::exchange(name.waiting, {})) {
        address_found(*item, *name.answer);
    }
}

void ProbeRunner::address_found(Item& item, const probe::Sample& answer) {
    constexpr std::uint64_t kMicrosPerMilli = 1000;
    const auto address = address_in(answer);
    if (!address) {
        probe::Sample failed = answer;
        if (failed.outcome == Outcome::Ok) {
            failed.outcome = Outcome::DnsError;
            failed.error = item.request.request.from + ": cannot resolve " +
                           item.request.lookup->name + ": the name has no address (NODATA)";
        }
        item.remote.clear();
        item.unassigned = 0;
        return add_sample(item, std::move(failed));
    }
    item.request.address = *address;
    item.request.resolved = address->to_string();
    item.aggregator.set_resolved(item.request.resolved);
    item.set_remote();
    auto& timeout = item.request.request.timeout_ms;
    timeout -= std::min(timeout - 1, answer.rtt_us / kMicrosPerMilli);
    item.what = template_of(item.run, item.request);
    enqueue(item);
}

std::shared_ptr<ProbeRunner::Template>
ProbeRunner::template_of(Run& run, const ResolvedRequest& resolved) {
    const auto& request = resolved.request;
    WireWriter record;
    record.u8(static_cast<std::uint8_t>(request.to.scheme));
    record.u8(identity_ && request.identify ? 1 : 0).u8(request.evidence ? 1 : 0);
    record.u32(static_cast<std::uint32_t>(request.timeout_ms)).text(request.method);
    record.text(request.to.scheme == Scheme::Https ? tls_host(resolved) : std::string());
    auto payload = probe_payload(resolved);
    auto& known = run.templates[record.bytes() + payload + '\0' + request.ca];
    if (!known) {
        known = std::make_shared<Template>(
            Template{next_id_++, record.bytes(), std::move(payload), request.ca});
    }
    return known;
}

bool ProbeRunner::can_start(const Item& item) {
    const auto& request = item.request.request;
    // A fixed source port, or a sequence, allows one exchange at a time.
    const bool one_by_one = request.source_port != 0 || item.run.sequential;
    return !item.run.stopped && item.unassigned > 0 &&
           item.jobs < (one_by_one ? 1U : request.concurrency);
}

void ProbeRunner::enqueue(Item& item) {
    if (!item.queued && can_start(item)) {
        item.queued = true;
        ready_.push_back(&item);
    }
}

void ProbeRunner::pump() {
    if (channel_ == nullptr || pumping_) {
        return;
    }
    pumping_ = true;
    while (!ready_.empty() && jobs_.size() < netemu::limits::kProbesInFlightMax) {
        auto& item = *ready_.front();
        ready_.pop_front();
        item.queued = false;
        if (can_start(item)) {
            start_job(item);
        }
    }
    send_batch();
    pumping_ = false;
}

void ProbeRunner::start_job(Item& item) {
    const auto& request = item.request.request;
    std::vector<netemu::UniqueFd> sockets;
    try {
        sockets = open_probe_sockets(open_socket_, item.request);
    } catch (const netemu::Error& error) {
        --item.unassigned;
        probe::Sample sample;
        sample.outcome = Outcome::Unsupported;
        sample.error = error_text(item.request, item.remote, {}, error.what());
        enqueue(item);
        return add_sample(item, std::move(sample));
    }
    const bool reuse = request.reuse_connection && probe::is_http(request.to.scheme);
    const auto share = (item.unassigned + request.concurrency - 1) / request.concurrency;
    const auto exchanges = reuse ? share : 1U;
    item.unassigned -= exchanges;
    ++item.jobs;
    ++item.run.jobs;
    if (item.what->generation != generation_) {
        send_template(*item.what);
    }
    const auto id = next_id_++;
    jobs_.emplace(id, Job{&item, exchanges});
    batch_.op(Op::Start).u32(id).u32(item.what->id);
    batch_.endpoint({item.request.address, item.request.port})
        .u16(request.source_port)
        .u32(exchanges);
    std::move(sockets.begin(), sockets.end(), std::back_inserter(batch_fds_));
    if (batch_fds_.size() >= kSocketsPerMessage || batch_.size() > kJobsBatchBytes) {
        send_batch();
    }
    enqueue(item);
}

void ProbeRunner::send_template(Template& what) {
    what.generation = generation_;
    batch_.op(Op::AddTemplate).u32(what.id).raw(what.record);
    send_pieces(Op::AddPayload, what.id, what.payload);
    send_pieces(Op::AddAuthorities, what.id, what.ca);
}

void ProbeRunner::send_pieces(Op op, std::uint32_t id, std::string_view text) {
    for (std::size_t at = 0; at < text.size(); at += kPayloadPieceBytes) {
        if (batch_.size() > kJobsBatchBytes) {
            send_batch();
        }
        batch_.op(op).u32(id).text(text.substr(at, kPayloadPieceBytes));
    }
}

void ProbeRunner::send_batch() {
    if (!batch_.empty() && channel_ != nullptr) {
        channel_->send_owned(batch_.bytes(), std::exchange(batch_fds_, {}));
    }
    batch_.clear();
    batch_fds_.clear();
}

void ProbeRunner::dropped(const std::vector<DropNotice>& notices) {
    if (channel_ == nullptr || jobs_.empty()) {
        return;
    }
    send_batch(); // the probes that may be meant go first
    for (const auto& notice : notices) {
        batch_.op(Op::Dropped).u32(notice.id).u8(notice.mark.protocol);
        batch_.endpoint(notice.mark.source).u16(notice.mark.sequence);
        batch_.endpoint(notice.destination).u32(static_cast<std::uint32_t>(notice.fronts.size()));
        for (const auto& front : notice.fronts) {
            batch_.endpoint(front);
        }
        if (batch_.size() > kJobsBatchBytes) {
            send_batch();
        }
    }
    send_batch();
}

void ProbeRunner::sample(WireReader& record) {
    auto [id, sample, drop, local, detail, steps] = read_sample(record);
    const auto found = jobs_.find(id);
    if (found == jobs_.end() || found->second.unsampled == 0) {
        throw netemu::Error("the data plane reports a sample that nobody asked for");
    }
    --found->second.unsampled;
    auto& item = *found->second.item;
    sample.remote = item.remote;
    if (!steps.empty() && item.request.on_steps) {
        item.request.on_steps(std::move(steps));
    }
    const bool silent = sample.outcome == Outcome::Timeout || sample.outcome == Outcome::DnsError;
    if (drop != 0 && silent && describe_drop_) {
        sample.drop = describe_drop_(drop);
    }
    if (sample.outcome != Outcome::Ok) {
        const std::string_view what = sample.drop ? std::string_view(sample.drop->text) : detail;
        sample.error = error_text(item.request, item.remote, local, what);
    }
    item.aggregator.add(std::move(sample));
}

void ProbeRunner::job_done(WireReader& record) {
    const auto found = jobs_.extract(record.u32());
    if (found.empty()) {
        throw netemu::Error("the data plane ends a probe that nobody asked for");
    }
    give_back(found.mapped());
}

void ProbeRunner::give_back(Job job) {
    auto& item = *job.item;
    --item.jobs;
    --item.run.jobs;
    item.unassigned += job.unsampled;
    if (item.losses > kLossesMax && item.unassigned > 0) {
        item.unassigned = 0;
        probe::Sample sample;
        sample.outcome = Outcome::Unsupported;
        sample.error =
            error_text(item.request, item.remote, {}, "the data plane ended during the probe");
        return add_sample(item, std::move(sample));
    }
    enqueue(item);
    check_finished(item);
}

void ProbeRunner::add_sample(Item& item, probe::Sample sample) {
    sample.remote = item.remote;
    item.aggregator.add(std::move(sample));
    check_finished(item);
}

void ProbeRunner::check_finished(Item& item) {
    if (item.run.stopped) {
        return finish_stopped(item.run);
    }
    if (item.unassigned > 0 || item.jobs > 0) {
        return;
    }
    if (item.name != nullptr) {
        return name_answered(*item.name);
    }
    auto& run = item.run;
    --run.unfinished;
    run.busy = false;
    if (run.unfinished == 0) {
        finish(run);
    } else if (run.sequential) {
        next_in_sequence(run);
    }
}

void ProbeRunner::next_in_sequence(Run& run) {
    if (std::exchange(run.advancing, true)) {
        return; // an item whose outcome was known: the loop below goes on
    }
    while (!run.busy && run.next < run.order.size()) {
        run.busy = true;
        prepare(*run.order[run.next++]);
    }
    run.advancing = false;
}

void ProbeRunner::finish(Run& run) {
    if (channel_ != nullptr) {
        for (const auto& [record, known] : run.templates) {
            if (known->generation == generation_) {
                batch_.op(Op::DropTemplate).u32(known->id);
            }
            if (batch_.size() > kJobsBatchBytes) {
                send_batch();
            }
        }
    }
    // The callback may ask for more probes, and what is on the stack may still look at this run.
    loop_.after(0us, [this, alive = alive_, &run] {
        if (!*alive) {
            return;
        }
        const auto own = std::find_if(
            runs_.begin(), runs_.end(), [&run](const auto& entry) { return entry.get() == &run; });
        const auto finished = std::move(*own);
        runs_.erase(own);
        // One that was given up, for its losses or as unwanted, may be queued still.
        std::erase_if(ready_, [&run](const Item* item) { return &item->run == &run; });
        pump();
        if (finished->stopped) {
            return;
        }
        std::vector<probe::Result> results;
        results.reserve(finished->items.size());
        for (const auto& item : finished->items) {
            results.push_back(item->aggregator.finish());
        }
        finished->done(std::move(results));
    });
}

} // namespace labctl::dataplane
