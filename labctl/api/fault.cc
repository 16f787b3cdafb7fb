#include "labctl/api/fault.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::api {

namespace {

using netemu::UsageError;

constexpr std::array<std::pair<Fault::Verb, const char*>, 6> kFaultVerbs{{
    {Fault::Verb::Cut, "cut"},
    {Fault::Verb::Stop, "stop"},
    {Fault::Verb::Drop, "drop"},
    {Fault::Verb::Flap, "flap"},
    {Fault::Verb::Bgp, "bgp"},
    {Fault::Verb::Link, "link"},
}};

constexpr std::array kFaultProtocols{"tcp", "udp", "icmp", "sctp"};
constexpr std::uint64_t kPeriodMinUs = 20'000; // faster than this endpoints do not follow
constexpr std::uint64_t kHealMaxUs = std::uint64_t{7} * 24 * 3600 * 1'000'000;

std::optional<std::uint64_t> whole_number(std::string_view text, std::uint64_t max) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > max) {
        return std::nullopt;
    }
    return value;
}

std::uint64_t fault_duration(const std::string& flag, const std::string& text, std::uint64_t min) {
    const auto value = netemu::parse_duration_us(text);
    if (!value || *value < min || *value > kHealMaxUs) {
        throw UsageError(
            flag + " " + text + " is no duration that a fault can have",
            "for example 500ms, 5s or 2m; at most 7 days");
    }
    return *value;
}

/// Reads the words behind the verb.
class FaultParser {
public:
    explicit FaultParser(const std::vector<std::string>& words) : words_(words) {}

    Fault run() {
        if (words_.empty()) {
            throw UsageError(
                "no fault is named", "cut, stop, drop, flap, bgp or link, then a target");
        }
        fault_.verb = verb(words_[0]);
        for (at_ = 1; at_ < words_.size(); ++at_) {
            const auto& word = words_[at_];
            if (word.starts_with("--")) {
                flag(word);
            } else if (fault_.target.empty()) {
                fault_.target = word;
            } else if (fault_.verb == Fault::Verb::Bgp && fault_.peer.empty()) {
                fault_.peer = word.starts_with("node/") ? word.substr(5) : word;
            } else if (fault_.verb == Fault::Verb::Link && fault_.peer.empty()) {
                fault_.peer = word;
            } else {
                throw UsageError("'" + word + "' is one too many: a fault has one target");
            }
        }
        check_target();
        return std::move(fault_);
    }

private:
    static Fault::Verb verb(const std::string& word) {
        if (const auto found = find_fault_verb(word)) {
            return *found;
        }
        const std::vector<std::string> known{
            "cut", "stop", "drop", "flap", "bgp", "link", "restore", "start", "clear", "list"};
        const auto near = netemu::nearest(word, known);
        throw UsageError(
            "there is no fault '" + word + "'",
            near ? "did you mean '" + *near + "'?"
                 : "faults are cut, stop, drop, flap, bgp and link");
    }

    std::string value(const std::string& flag) {
        if (++at_ >= words_.size()) {
            throw UsageError(flag + " needs a value");
        }
        return words_[at_];
    }

    void flag(const std::string& word) {
        const auto equals = word.find('=');
        const auto name = word.substr(0, equals);
        const auto text = equals == std::string::npos ? value(name) : word.substr(equals + 1);
        if (name == "--for") {
            fault_.heal_after_us = fault_duration(name, text, 1);
        } else if (
            (fault_.verb == Fault::Verb::Drop && drop_flag(name, text)) ||
            (fault_.verb == Fault::Verb::Link && link_flag(name, text))) {
            return;
        } else if (fault_.verb == Fault::Verb::Flap && name == "--period") {
            fault_.period_us = fault_duration(name, text, kPeriodMinUs);
        } else if (fault_.verb == Fault::Verb::Flap && name == "--count") {
            constexpr std::uint64_t kCountMax = 1'000'000;
            const auto count = whole_number(text, kCountMax);
            if (!count || *count == 0) {
                throw UsageError("--count " + text + " is not a number from 1 to 1000000");
            }
            fault_.count = static_cast<std::uint32_t>(*count);
        } else {
            throw UsageError(
                "a " + to_string(fault_.verb) + " fault has no " + name,
                "--for goes with all; --share, --proto, --port and --direction with drop; --period "
                "and --count with flap; --delay, --jitter, --loss, --duplicate, --reorder, "
                "--corrupt, --rate, --queue, --mtu and --direction with link");
        }
    }

    bool drop_flag(const std::string& name, const std::string& text) {
        if (name == "--share") {
            auto digits = std::string_view(text);
            if (digits.ends_with('%')) {
                digits.remove_suffix(1);
            }
            const auto share = whole_number(digits, 100);
            if (!share || *share == 0) {
                throw UsageError("--share " + text + " is not a share from 1% to 100%");
            }
            fault_.share_percent = static_cast<unsigned>(*share);
        } else if (name == "--proto") {
            if (std::find(kFaultProtocols.begin(), kFaultProtocols.end(), text) ==
                kFaultProtocols.end()) {
                throw UsageError("--proto " + text + " is not known", "tcp, udp, icmp or sctp");
            }
            fault_.protocol = text;
        } else if (name == "--port") {
            constexpr std::uint64_t kPortMax = 65535;
            const auto port = whole_number(text, kPortMax);
            if (!port || *port == 0) {
                throw UsageError("--port " + text + " is not a port from 1 to 65535");
            }
            fault_.port = static_cast<std::uint16_t>(*port);
        } else if (name == "--direction") {
            direction_flag(text);
        } else {
            return false;
        }
        return true;
    }

    void direction_flag(const std::string& text) {
        if (text != "in" && text != "out" && text != "both") {
            throw UsageError("--direction " + text + " is not known", "in, out or both");
        }
        fault_.direction = text == "in"    ? Fault::Direction::In
                           : text == "out" ? Fault::Direction::Out
                                           : Fault::Direction::Both;
    }

    bool link_flag(const std::string& name, const std::string& text) {
        if (name == "--direction") {
            direction_flag(text);
            return true;
        }
        if (!is_link_value(name.substr(2))) {
            return false;
        }
        if (const auto why = set_link_value(fault_.link, name.substr(2), text); !why.empty()) {
            throw UsageError(name + " " + text + " " + why);
        }
        return true;
    }

    void check_target() {
        const auto name = to_string(fault_.verb);
        if (fault_.target.empty()) {
            throw UsageError(
                name + " needs a target",
                fault_.verb == Fault::Verb::Stop ? "stop node/NODE"
                                                 : name + " POD, or another target");
        }
        if (fault_.verb == Fault::Verb::Link) {
            check_link();
        }
        if (fault_.verb == Fault::Verb::Cut) {
            const auto colon = fault_.target.find(':');
            if (colon != std::string::npos) {
                fault_.interface = fault_.target.substr(colon + 1);
                fault_.target.resize(colon);
            }
        }
        if (fault_.verb == Fault::Verb::Bgp) {
            check_session();
            return;
        }
        const bool node = fault_.target.starts_with("node/");
        const bool pod = !node && fault_.target != "external" && fault_.target != "underlay";
        if (fault_.verb == Fault::Verb::Stop && !node) {
            throw UsageError("only nodes can be stopped, not '" + fault_.target + "'", "node/NODE");
        }
        if (fault_.verb == Fault::Verb::Flap && !pod) {
            throw UsageError("only pods can flap, not '" + fault_.target + "'", "[NS/]POD");
        }
        const bool ports = fault_.protocol.empty() || fault_.protocol != "icmp";
        if (fault_.port != 0 && !ports) {
            throw UsageError("icmp has no ports");
        }
    }

    void check_session() const {
        const bool speaks = fault_.target.starts_with("node/") ||
                            fault_.target.starts_with("router/") || fault_.target == "external";
        if (!speaks) {
            throw UsageError(
                "only nodes and routers speak BGP, not '" + fault_.target + "'",
                "bgp node/NODE PEER, bgp router/ROUTER PEER");
        }
        if (fault_.peer.empty()) {
            throw UsageError(
                "bgp needs the other end of the session, too",
                "bgp " + fault_.target +
                    " PEER, where a peer is the name of a node or router, or external");
        }
    }

    void check_link() const {
        if (fault_.peer.empty()) {
            throw UsageError("a link has two ends", "link " + fault_.target + " TARGET");
        }
        if (!fault_.link.any()) {
            throw UsageError(
                "nothing says what the link is to do",
                "--delay, --jitter, --loss, --duplicate, --reorder, --corrupt, --rate, --queue or "
                "--mtu");
        }
        if (fault_.link.mtu && fault_.direction != Fault::Direction::Both) {
            throw UsageError("the MTU of a link is that of both directions");
        }
    }

    const std::vector<std::string>& words_;
    std::size_t at_ = 0;
    Fault fault_;
};

std::string drop_words(const Fault& fault) {
    std::string text = " --share " + std::to_string(fault.share_percent) + "%";
    if (!fault.protocol.empty()) {
        text += " --proto " + fault.protocol;
    }
    if (fault.port != 0) {
        text += " --port " + std::to_string(fault.port);
    }
    if (fault.direction != Fault::Direction::Both) {
        text += fault.direction == Fault::Direction::In ? " --direction in" : " --direction out";
    }
    return text;
}

} // namespace

Fault parse_fault(const std::vector<std::string>& words) {
    return FaultParser(words).run();
}

Fault parse_fault(std::string_view text) {
    std::vector<std::string> words;
    for (const auto word : netemu::split(text, ' ')) {
        if (!word.empty()) {
            words.emplace_back(word);
        }
    }
    return parse_fault(words);
}

std::string to_string(Fault::Verb verb) {
    for (const auto& [value, name] : kFaultVerbs) {
        if (value == verb) {
            return name;
        }
    }
    return {};
}

std::optional<Fault::Verb> find_fault_verb(std::string_view word) {
    for (const auto& [value, name] : kFaultVerbs) {
        if (word == name) {
            return value;
        }
    }
    return std::nullopt;
}

std::string to_string(const Fault& fault) {
    auto text = to_string(fault.verb) + " " + fault.target;
    if (!fault.interface.empty()) {
        text += ":" + fault.interface;
    }
    if (fault.verb == Fault::Verb::Bgp) {
        text += " " + fault.peer;
    }
    if (fault.verb == Fault::Verb::Drop) {
        text += drop_words(fault);
    }
    if (fault.verb == Fault::Verb::Link) {
        text += " " + fault.peer + link_flags(fault.link);
        if (fault.direction != Fault::Direction::Both) {
            text +=
                fault.direction == Fault::Direction::In ? " --direction in" : " --direction out";
        }
    }
    if (fault.verb == Fault::Verb::Flap) {
        text += " --period " + netemu::plain_duration(fault.period_us);
        if (fault.count != 0) {
            text += " --count " + std::to_string(fault.count);
        }
    }
    if (fault.heal_after_us != 0) {
        text += " --for " + netemu::plain_duration(fault.heal_after_us);
    }
    return text;
}

} // namespace labctl::api
