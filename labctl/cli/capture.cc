#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <iostream>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "labctl/cli/packet_lines.h"
#include "labctl/cli/taps.h"
#include "labctl/cli/traffic.h"
#include "netemu/base/error.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/text.h"
#include "netemu/model/packet_filter.h"
#include "netemu/model/pcapng.h"

namespace labctl::cli {

using netemu::Clock;
using nlohmann::json;

namespace {

volatile std::sig_atomic_t capture_interrupted = 0; // written by the signal handler

void interrupt_capture(int /*number*/) {
    capture_interrupted = 1;
}

/// Ends the capture in good order. Without SA_RESTART, so that a wait ends too.
void watch_capture_signals() {
    struct sigaction action {};
    action.sa_handler = interrupt_capture;
    sigemptyset(&action.sa_mask);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        ::sigaction(number, &action, nullptr);
    }
    ::signal(SIGPIPE, SIG_IGN); // a reader that has seen enough is no failure
}

/// Where packets or lines go: a file or standard output.
class CaptureOutput {
public:
    explicit CaptureOutput(const std::string& path) : name_(path) {
        if (path.empty() || path == "-") {
            fd_ = STDOUT_FILENO;
            name_ = "standard output";
            return;
        }
        file_.reset(netemu::check_syscall(
            "create " + path,
            ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)));
        fd_ = file_.get();
    }

    void add(std::string_view bytes) {
        constexpr std::size_t kBufferBytes = 1U << 20U;
        buffer_ += bytes;
        if (buffer_.size() >= kBufferBytes) {
            flush();
        }
    }

    void flush() {
        std::size_t done = 0;
        while (done < buffer_.size() && !reader_gone_) {
            const auto written = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
            if (written >= 0) {
                done += static_cast<std::size_t>(written);
            } else if (errno == EPIPE) {
                reader_gone_ = true;
            } else if (errno == EAGAIN) { // a pipe that somebody has made non-blocking
                pollfd room{fd_, POLLOUT, 0};
                (void)::poll(&room, 1, -1);
            } else if (errno != EINTR) {
                throw netemu::SysError("write to " + name_, errno);
            }
        }
        buffer_.clear();
    }

    /// Whether whoever reads our pipe has left.
    bool reader_gone() {
        pollfd output{fd_, 0, 0};
        reader_gone_ = reader_gone_ || (::poll(&output, 1, 0) > 0 && (output.revents & POLLERR));
        return reader_gone_;
    }

private:
    std::string name_;
    netemu::UniqueFd file_;
    int fd_ = -1;
    std::string buffer_;
    bool reader_gone_ = false;
};

std::uint64_t wall_time_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

class Capture {
public:
    explicit Capture(const Context& context)
        : context_(context), options_(context.options()), client_(context.client()),
          taps_(open_lab_taps(client_, question())), binary_(!options_.write_file.empty()) {
        filter_ = netemu::PacketFilter::parse(
            options_.filter, [this](const std::string& word) { return addresses_of(word); });
        output_.emplace(options_.write_file); // only now: nothing that is there is cut for naught
    }

    int run() {
        watch_capture_signals();
        begin();
        const auto end = deadline();
        while (!complete() && capture_interrupted == 0 && Clock::now() < end) {
            if (taps_.set.wait(client_.fd(), wait_time(end))) {
                context_.console().progress("the lab ended");
                break;
            }
            handle(taps_.set.take());
            for (const auto place : taps_.set.newly_gone()) {
                context_.console().warn(taps_.set.places().at(place).name + " is gone");
            }
            if (taps_.set.all_gone()) {
                break;
            }
        }
        if (!complete()) {
            handle(taps_.set.finish());
        }
        finish();
        return 0;
    }

private:
    [[nodiscard]] json question() const {
        json asked{
            {"targets", options_.arguments},
            {"namespace", context_.ns()},
            {"names",
             !options_.write_file.empty() || !options_.filter.empty() ||
                 options_.output != "table"}};
        if (options_.snap_bytes > 0) {
            asked["snapBytes"] = options_.snap_bytes;
        }
        return asked;
    }

    [[nodiscard]] std::vector<std::pair<netemu::IpAddress, std::string>> named_addresses() const {
        std::vector<std::pair<netemu::IpAddress, std::string>> names;
        for (const auto& [text, whose] : taps_.names) {
            if (const auto address = netemu::IpAddress::parse(text)) {
                names.emplace_back(*address, whose);
            }
        }
        return names;
    }

    /// For the filter: `host web-1`, `host node/node-1`, `host svc/default/web`.
    [[nodiscard]] std::vector<netemu::IpAddress> addresses_of(const std::string& word) const {
        const auto& ns = context_.ns();
        const std::array wanted{word, ns + "/" + word, "svc/" + word, "svc/" + ns + "/" + word};
        for (const auto& name : wanted) {
            std::vector<netemu::IpAddress> addresses;
            for (const auto& [text, whose] : taps_.names) {
                const auto address = netemu::IpAddress::parse(text);
                if (whose == name && address) {
                    addresses.push_back(*address);
                }
            }
            if (!addresses.empty()) {
                return addresses;
            }
        }
        return {};
    }

    void begin() {
        std::vector<std::string> names;
        for (const auto& place : taps_.set.places()) {
            names.push_back(place.name);
        }
        context_.console().progress("listening at " + netemu::join(names, ", "));
        if (binary_) {
            utsname host{};
            ::uname(&host);
            netemu::PcapngSection section;
            section.hardware = host.machine;
            section.os = std::string(host.sysname) + " " + host.release;
            section.application = std::string("labctl ") + LABCTL_VERSION;
            section.comment = "lab " + context_.lab().name;
            output_->add(netemu::pcapng_head(section, taps_.set.places()));
            output_->add(netemu::pcapng_names(named_addresses()));
        }
        output_->flush();
    }

    [[nodiscard]] Clock::time_point deadline() const {
        if (options_.duration.empty()) {
            return Clock::time_point::max();
        }
        const auto micros = netemu::parse_duration_us(options_.duration);
        return Clock::now() + std::chrono::microseconds(micros.value_or(0));
    }

    /// Short, since packets that are held back come out by waiting, and so does a reader that left.
    static std::chrono::milliseconds wait_time(Clock::time_point end) {
        constexpr std::chrono::milliseconds kRound(50);
        const auto left = end - Clock::now();
        return left < kRound ? std::chrono::ceil<std::chrono::milliseconds>(left) : kRound;
    }

    bool complete() {
        return (options_.packets > 0 && captured_ >= options_.packets) || output_->reader_gone();
    }

    void handle(const std::vector<netemu::CapturedPacket>& packets) {
        for (const auto& packet : packets) {
            if (options_.packets > 0 && captured_ >= options_.packets) {
                break;
            }
            handle(packet);
        }
        output_->flush();
    }

    void handle(const netemu::CapturedPacket& packet) {
        const auto& place = taps_.set.places().at(packet.place);
        if (binary_ && options_.filter.empty()) {
            output_->add(netemu::pcapng_packet(packet));
            ++captured_;
            return;
        }
        const auto levels = netemu::decode_packet(packet, place.link_type);
        if (!filter_.matches(levels)) {
            return;
        }
        ++captured_;
        if (binary_) {
            output_->add(netemu::pcapng_packet(packet));
        } else if (options_.output == "json") {
            output_->add(packet_json(packet, place, levels, taps_.names).dump() + "\n");
        } else {
            const auto* names = options_.output == "wide" ? &taps_.names : nullptr;
            output_->add(packet_line(packet, place, levels, taps_.place_width, names));
        }
    }

    void finish() {
        std::uint64_t seen = 0;
        std::uint64_t dropped = 0;
        for (std::size_t i = 0; i < taps_.set.places().size(); ++i) {
            const auto statistics = taps_.set.statistics(i);
            seen += statistics.seen;
            dropped += statistics.dropped;
            if (binary_) {
                output_->add(netemu::pcapng_statistics(
                    {i, wall_time_ns(), statistics.seen, statistics.dropped}));
            }
        }
        output_->flush();
        auto text =
            std::to_string(captured_) + (captured_ == 1 ? " packet captured" : " packets captured");
        if (!options_.filter.empty()) {
            text += " of " + std::to_string(seen) + " seen";
        }
        context_.console().progress(
            text + ", " + std::to_string(dropped) + " dropped by the kernel");
        if (dropped > 0) {
            context_.console().hint("--snaplen 128 leaves room for more packets");
        }
    }

    const Context& context_;
    const Options& options_;
    Client client_; // its end is the lab's
    LabTaps taps_;
    bool binary_;
    netemu::PacketFilter filter_;
    std::optional<CaptureOutput> output_;
    std::uint64_t captured_ = 0;
};

void check_capture_options(const Options& options) {
    const auto& output = options.output;
    if (output != "table" && output != "wide" && output != "json") {
        throw netemu::UsageError("no output format '" + output + "'", "table, wide or json");
    }
    if (!options.write_file.empty() && output != "table") {
        throw netemu::UsageError("-w writes packets, not text: -o does not go with it");
    }
    if (options.write_file == "-" && ::isatty(STDOUT_FILENO) == 1) {
        throw netemu::UsageError(
            "packets are not for a terminal",
            "pipe them: -w - | tcpdump -nr -, or -w - | wireshark -ki -; without -w they are shown "
            "as text");
    }
    if (!options.duration.empty() && !netemu::parse_duration_us(options.duration)) {
        throw netemu::UsageError(
            "--duration " + options.duration + " is no duration", "for example 500ms, 5s or 2m");
    }
    (void)netemu::PacketFilter::parse(options.filter, [](const std::string&) {
        return std::vector<netemu::IpAddress>{{}}; // names are the lab's business
    });
}

} // namespace

int run_capture(const Context& context) {
    check_capture_options(context.options());
    return Capture(context).run();
}

} // namespace labctl::cli
