#include "labctl/dataplane/link_engine.h"

#include <algorithm>
#include <cerrno>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "labctl/dataplane/link_wire.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr int kFramesPerTurn = 128;
constexpr auto kCountersInterval = 20ms;
/// Packets of TCP that come together are put together, as every network card does it (GRO). After a
/// turn of so many frames datagrams are, too; before, they are handed over as they came.
constexpr std::size_t kBusyFrames = 32;

/// What leaves within that time of each other leaves together: at a rate every packet would
/// otherwise have a turn of its own.
constexpr std::chrono::microseconds kReleaseGap{100};

std::uint64_t random_seed() {
    std::uint64_t seed = 0;
    (void)::getrandom(&seed, sizeof seed, GRND_NONBLOCK);
    return seed;
}

netemu::UniqueFd make_timer() {
    return netemu::UniqueFd(netemu::check_syscall(
        "make a timer", ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)));
}

/// Whether the frame may become part of a larger one, or its beginning.
bool can_join(std::span<const std::uint8_t> frame, const FrameShape& shape) {
    return shape.inner && shape.vnet.cut == VnetHeader::Cut::No && is_sound(frame) &&
           ip_size(frame.subspan(kVnetHeader + shape.link)) ==
               frame.size() - kVnetHeader - shape.link;
}

} // namespace

LinkEngine::LinkEngine(netemu::EventLoop& loop, Reply reply)
    : loop_(loop), reply_(std::move(reply)), timer_(make_timer()), frame_(kLinkFrameMax) {
    loop_.add(timer_.get(), EPOLLIN, [this](std::uint32_t) { release_due(); });
}

LinkEngine::~LinkEngine() {
    loop_.cancel(tell_timer_);
    loop_.remove(timer_.get());
    while (!links_.empty()) {
        remove_link(links_.begin()->first);
    }
}

void LinkEngine::handle(std::string_view message, std::vector<netemu::UniqueFd>& fds) {
    WireReader record(message);
    std::size_t next_fd = 0;
    while (!record.done()) {
        switch (record.op()) {
        case Op::AddLink:
            add_link(record, fds, next_fd);
            break;
        case Op::ChangeLink:
            change_link(record);
            break;
        case Op::RemoveLink:
            remove_link(record.u32());
            break;
        default:
            throw netemu::Error("the supervisor sends an unknown record");
        }
    }
}

void LinkEngine::add_link(
    WireReader& record, std::vector<netemu::UniqueFd>& fds, std::size_t& next_fd) {
    auto link = std::make_unique<Link>();
    link->id = record.u32();
    for (auto& tap : link->taps) {
        tap = std::move(fds.at(next_fd++));
    }
    std::array<LinkCounters, 2> before{};
    if (const auto known = links_.find(link->id); known != links_.end()) {
        for (std::size_t i = 0; i < 2; ++i) { // only a device is another one
            before.at(i) = known->second->ways.at(i)->queue.counters();
        }
        remove_link(link->id);
    }
    for (std::size_t i = 0; i < 2; ++i) {
        auto way = std::make_unique<Way>(random_seed(), memory_);
        way->queue.set(read_impairment(record));
        way->queue.counters() = before.at(i);
        way->from = link->taps.at(i).get();
        way->to = link->taps.at(1 - i).get();
        loop_.add(way->from, EPOLLIN, [this, &way = *way](std::uint32_t) { read_tap(way); });
        link->ways.at(i) = std::move(way);
    }
    links_.emplace(link->id, std::move(link));
}

void LinkEngine::change_link(WireReader& record) {
    const auto found = links_.find(record.u32());
    for (std::size_t i = 0; i < 2; ++i) {
        const auto impairment = read_impairment(record);
        if (found != links_.end()) {
            found->second->ways.at(i)->queue.set(impairment);
        }
    }
}

void LinkEngine::remove_link(std::uint32_t id) {
    const auto found = links_.find(id);
    if (found == links_.end()) {
        return;
    }
    for (auto& way : found->second->ways) {
        if (loop_.watches(way->from)) {
            loop_.remove(way->from);
        }
        if (way->scheduled) {
            due_.erase({*way->scheduled, way.get()});
        }
    }
    links_.erase(found);
    arm();
}

// --- in

void LinkEngine::read_tap(Way& way) {
    for (int i = 0; i < kFramesPerTurn; ++i) {
        const auto size = ::read(way.from, frame_.data(), frame_.size());
        if (size < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                loop_.remove(way.from); // somebody has deleted the device
            }
            break;
        }
        take(way, {frame_.data(), static_cast<std::size_t>(size)});
    }
    end_turn(way);
}

void LinkEngine::take(Way& way, std::span<const std::uint8_t> frame) {
    if (frame.size() <= kVnetHeader) {
        return;
    }
    const auto shape = shape_of(frame);
    if (way.queue.is_clear()) {
        give(way, frame, shape);
        return;
    }
    const auto now = netemu::Clock::now();
    if (shape.packets > 1 && way.queue.wants_pieces(shape.wire_bytes)) {
        cut_frame(frame, shape, [&](LinkFrame piece) { way.queue.push(std::move(piece), now); });
    } else {
        way.queue.push({{frame.begin(), frame.end()}, shape.packets, shape.wire_bytes}, now);
    }
}

// --- out

void LinkEngine::release_due() {
    std::uint64_t rounds = 0;
    (void)!::read(timer_.get(), &rounds, sizeof rounds);
    armed_.reset();
    const auto now = netemu::Clock::now();
    not_before_ = now + kReleaseGap;
    while (!due_.empty() && due_.begin()->first <= now) {
        auto& way = *due_.begin()->second;
        release(way, now);
        end_turn(way);
    }
    arm();
}

void LinkEngine::release(Way& way, Time now) {
    while (const auto frame = way.queue.pop(now)) {
        give(way, frame->bytes, shape_of(frame->bytes));
    }
}

void LinkEngine::give(Way& way, std::span<const std::uint8_t> frame, const FrameShape& shape) {
    auto& counters = way.queue.counters();
    counters.delivered += shape.packets;
    counters.delivered_bytes += shape.wire_bytes;
    ++way.given;
    if (can_join(frame, shape) && (way.busy || shape.inner->protocol == IPPROTO_TCP)) {
        writer_.write_frame(way.to, *shape.inner, frame, shape.link);
        return;
    }
    writer_.flush();
    if (::write(way.to, frame.data(), frame.size()) < 0) {
        counters.delivered -= shape.packets;
        counters.delivered_bytes -= shape.wire_bytes;
        counters.undelivered += shape.packets;
    }
}

void LinkEngine::end_turn(Way& way) {
    if (!way.queue.is_clear()) { // what was reordered, or has no delay, is due at once
        release(way, netemu::Clock::now());
    }
    writer_.flush();
    auto& counters = way.queue.counters();
    const auto refused = std::min<std::uint64_t>(writer_.take_refused(), counters.delivered);
    counters.delivered -= refused;
    counters.undelivered += refused;
    way.busy = way.given >= kBusyFrames;
    way.given = 0;
    schedule(way);
    count(way);
}

void LinkEngine::schedule(Way& way) {
    const auto next = way.queue.next();
    if (next != way.scheduled) {
        if (way.scheduled) {
            due_.erase({*way.scheduled, &way});
        }
        if (next) {
            due_.emplace(*next, &way);
        }
        way.scheduled = next;
    }
    arm();
}

/// One timer for all, to the nanosecond; without slack, unlike epoll_wait's time-out.
void LinkEngine::arm() {
    const auto next =
        due_.empty() ? std::nullopt : std::optional(std::max(due_.begin()->first, not_before_));
    if (next == armed_) {
        return;
    }
    armed_ = next;
    itimerspec when{}; // of zeros: never
    if (next) {
        constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
        const auto since =
            std::max<std::int64_t>(std::chrono::nanoseconds(next->time_since_epoch()).count(), 1);
        when.it_value.tv_sec = since / kNanosPerSecond;
        when.it_value.tv_nsec = since % kNanosPerSecond;
    }
    netemu::check_syscall(
        "set the timer of the links",
        ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr));
}

// --- what is told of it

void LinkEngine::count(Way& way) {
    way.told = false;
    if (tell_timer_ == 0) {
        tell_timer_ = loop_.after(kCountersInterval, [this] { tell(); });
    }
}

void LinkEngine::tell() {
    tell_timer_ = 0;
    WireWriter record;
    for (const auto& [id, link] : links_) {
        for (std::uint8_t end = 0; end < 2; ++end) {
            auto& way = *link->ways.at(end);
            if (!std::exchange(way.told, true)) {
                record.op(Op::LinkCounters).u32(id).u8(end);
                write_counters(record, way.queue.counters());
            }
        }
        if (record.size() > kMessageBytesMax / 2) {
            reply_(record.bytes());
            record.clear();
        }
    }
    if (!record.empty()) {
        reply_(record.bytes());
    }
}

} // namespace labctl::dataplane
