#include "netemu/model/packet_filter.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include <netinet/in.h>

#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace netemu {

namespace {

using FilterTest = PacketFilter::Test;
using FilterLevels = PacketFilter::Levels;

constexpr std::size_t kFilterBytesMax = 4096;
constexpr std::size_t kFilterDepthMax = 32;

/// Which end of a packet a word speaks of.
enum class FilterSide { Either, Source, Destination };

std::vector<std::string> filter_words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    const auto flush = [&] {
        if (!word.empty()) {
            words.push_back(std::exchange(word, {}));
        }
    };
    for (const char c : text) {
        if (std::isspace(static_cast<unsigned char>(c)) != 0) {
            flush();
        } else if (c == '(' || c == ')' || c == '!') {
            flush();
            words.emplace_back(1, c);
        } else {
            word += c;
        }
    }
    flush();
    return words;
}

std::optional<std::uint32_t> filter_number(std::string_view text, std::uint32_t max) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > max) {
        return std::nullopt;
    }
    return value;
}

FilterTest address_test(FilterSide side, std::vector<IpPrefix> ranges) {
    return [side, ranges = std::move(ranges)](const PacketLevel& level, const FilterLevels&) {
        const auto among = [&](const IpAddress& address) {
            return std::any_of(ranges.begin(), ranges.end(), [&](const IpPrefix& range) {
                return range.address.family() == address.family() && range.contains(address);
            });
        };
        const auto either = [&](const IpAddress& source, const IpAddress& destination) {
            return (side != FilterSide::Destination && among(source)) ||
                   (side != FilterSide::Source && among(destination));
        };
        return (level.ip && either(level.ip->source, level.ip->destination)) ||
               (level.arp && either(level.arp->sender, level.arp->target));
    };
}

FilterTest port_test(FilterSide side, std::uint32_t first, std::uint32_t last) {
    return [=](const PacketLevel& level, const FilterLevels&) {
        const auto in = [&](std::uint16_t port) { return port >= first && port <= last; };
        return level.transport &&
               ((side != FilterSide::Destination && in(level.transport->source)) ||
                (side != FilterSide::Source && in(level.transport->destination)));
    };
}

FilterTest protocol_test(std::uint8_t protocol) {
    return [protocol](const PacketLevel& level, const FilterLevels&) {
        return level.ip && level.ip->protocol == protocol;
    };
}

FilterTest family_test(Family family) {
    return [family](const PacketLevel& level, const FilterLevels&) {
        return level.ip && level.ip->source.family() == family;
    };
}

FilterTest tunnel_test(std::string kind) {
    return [kind = std::move(kind)](const PacketLevel&, const FilterLevels& all) {
        return std::any_of(
            all.begin(), all.end(), [&](const PacketLevel& each) { return each.tunnel == kind; });
    };
}

/// The words that stand alone.
std::optional<FilterTest> plain_word(const std::string& word) {
    static const std::array<std::pair<const char*, std::uint8_t>, 5> kProtocols{{
        {"tcp", IPPROTO_TCP},
        {"udp", IPPROTO_UDP},
        {"icmp", IPPROTO_ICMP},
        {"icmp6", IPPROTO_ICMPV6},
        {"sctp", IPPROTO_SCTP},
    }};
    for (const auto& [name, protocol] : kProtocols) {
        if (word == name) {
            return protocol_test(protocol);
        }
    }
    if (word == "arp") {
        return [](const PacketLevel& level, const FilterLevels&) { return level.arp.has_value(); };
    }
    if (word == "wireguard") {
        return [](const PacketLevel& level, const FilterLevels&) {
            return !wireguard_message(level).empty();
        };
    }
    if (word == "ip" || word == "ip6") {
        return family_test(word == "ip" ? Family::V4 : Family::V6);
    }
    static const std::map<std::string, const char*> kTunnels{
        {"vxlan", "VXLAN"}, {"geneve", "Geneve"}, {"sleeve", "Sleeve"}, {"ipip", "IPIP"}};
    if (const auto tunnel = kTunnels.find(word); tunnel != kTunnels.end()) {
        return tunnel_test(tunnel->second);
    }
    return std::nullopt;
}

bool any_level(const FilterTest& test, const FilterLevels& levels) {
    return std::any_of(levels.begin(), levels.end(), [&](const PacketLevel& level) {
        return test(level, levels);
    });
}

class FilterParser {
public:
    FilterParser(std::string_view text, const PacketFilter::HostLookup& lookup)
        : words_(filter_words(text)), lookup_(lookup) {}

    FilterTest run() {
        auto test = alternatives(0);
        if (at_ < words_.size()) {
            fail("'" + words_[at_] + "' is one too many");
        }
        return test;
    }

private:
    [[nodiscard]] const std::string& peek() const {
        static const std::string kEnd;
        return at_ < words_.size() ? words_[at_] : kEnd;
    }
    std::string next(const std::string& wanted) {
        if (at_ >= words_.size()) {
            fail("it ends where " + wanted + " is expected");
        }
        return words_[at_++];
    }
    bool take(const char* word) {
        if (peek() == word) {
            ++at_;
            return true;
        }
        return false;
    }
    [[noreturn]] static void fail(const std::string& what) {
        throw UsageError(
            "filter: " + what,
            "a filter is like 'host 10.244.1.2 and tcp port 80': host, net, port (with src or "
            "dst), "
            "tcp, udp, icmp, icmp6, sctp, arp, ip, ip6, vxlan, geneve, sleeve, ipip, wireguard, "
            "vni, vlan, identity; and, or, not, ( ). For all that tcpdump knows: -w - | tcpdump "
            "-r - 'EXPRESSION'");
    }

    FilterTest alternatives(std::size_t depth) {
        auto left = conjunction(depth);
        while (take("or") || take("||")) {
            left = [a = std::move(left),
                    b = conjunction(depth)](const PacketLevel& level, const FilterLevels& all) {
                return a(level, all) || b(level, all);
            };
        }
        return left;
    }

    FilterTest conjunction(std::size_t depth) {
        auto left = factor(depth);
        for (;;) {
            const bool joined = take("and") || take("&&");
            const auto& word = peek();
            if (!joined && (word.empty() || word == "or" || word == "||" || word == ")")) {
                return left;
            }
            left = [a = std::move(left),
                    b = factor(depth)](const PacketLevel& level, const FilterLevels& all) {
                return a(level, all) && b(level, all);
            };
        }
    }

    FilterTest factor(std::size_t depth) {
        if (depth >= kFilterDepthMax) {
            fail("it is nested too deeply");
        }
        if (take("not") || take("!")) {
            return [test = factor(depth + 1)](const PacketLevel&, const FilterLevels& all) {
                return !any_level(test, all);
            };
        }
        if (take("(")) {
            auto test = alternatives(depth + 1);
            if (!take(")")) {
                fail("a '(' is not closed");
            }
            return test;
        }
        return primitive();
    }

    FilterTest primitive() {
        auto side = FilterSide::Either;
        if (take("src")) {
            side = FilterSide::Source;
        } else if (take("dst")) {
            side = FilterSide::Destination;
        }
        const auto word = next("a word such as host, port or tcp");
        if (word == "port" || word == "portrange") {
            return port(side);
        }
        if (word == "net") {
            return net(side);
        }
        if (word == "host") {
            return host(side, next("an address or a name after 'host'"));
        }
        if (side != FilterSide::Either) {
            return host(side, word); // `src 10.244.1.2`, as tcpdump has it
        }
        if (word == "vni") {
            return vni();
        }
        if (word == "vlan") {
            return vlan();
        }
        if (word == "identity") {
            return identity();
        }
        if (auto test = plain_word(word)) {
            return *test;
        }
        if (const auto address = IpAddress::parse(word)) {
            fail("'" + word + "' stands alone; say 'host " + word + "'");
        }
        const std::vector<std::string> known{
            "host",  "net",  "port",     "src", "dst", "tcp",   "udp",      "icmp",
            "icmp6", "sctp", "arp",      "ip",  "ip6", "vxlan", "geneve",   "sleeve",
            "ipip",  "vni",  "identity", "and", "not", "vlan",  "wireguard"};
        const auto near = nearest(word, known);
        fail("'" + word + "' is not known" + (near ? "; did you mean '" + *near + "'?" : ""));
    }

    FilterTest port(FilterSide side) {
        constexpr std::uint32_t kPortMax = 65535;
        const auto word = next("a number after 'port'");
        const auto dash = word.find('-');
        const auto first = filter_number(std::string_view(word).substr(0, dash), kPortMax);
        const auto last = dash == std::string::npos
                              ? first
                              : filter_number(std::string_view(word).substr(dash + 1), kPortMax);
        if (!first || !last || *first > *last) {
            fail("'" + word + "' is no port and no range of ports");
        }
        return port_test(side, *first, *last);
    }

    FilterTest net(FilterSide side) {
        const auto word = next("a range such as 10.244.0.0/16 after 'net'");
        const auto prefix = IpPrefix::parse(word);
        if (!prefix) {
            fail("'" + word + "' is no address range");
        }
        return address_test(side, {prefix->network()});
    }

    FilterTest host(FilterSide side, const std::string& word) {
        std::vector<IpPrefix> hosts;
        if (const auto address = IpAddress::parse(word)) {
            hosts.push_back(IpPrefix::host(*address));
        } else if (lookup_) {
            for (const auto& each : lookup_(word)) {
                hosts.push_back(IpPrefix::host(each));
            }
        }
        if (hosts.empty()) {
            fail("'" + word + "' is no address, and nothing of the lab has that name");
        }
        return address_test(side, std::move(hosts));
    }

    FilterTest vni() {
        constexpr std::uint32_t kVniMax = 0xffffff;
        const auto word = next("a number after 'vni'");
        const auto number = filter_number(word, kVniMax);
        if (!number) {
            fail("'" + word + "' is no VNI");
        }
        return [number](const PacketLevel&, const FilterLevels& all) {
            return std::any_of(all.begin(), all.end(), [&](const PacketLevel& each) {
                return !each.tunnel.empty() && each.tunnel_id == *number;
            });
        };
    }

    /// Of a number, or of any.
    FilterTest vlan() {
        constexpr std::uint32_t kVlanMax = 4095;
        const auto number = filter_number(peek(), kVlanMax);
        at_ += number ? 1 : 0;
        return [number](const PacketLevel&, const FilterLevels& all) {
            return std::any_of(all.begin(), all.end(), [&](const PacketLevel& each) {
                return each.vlan && (!number || *each.vlan == *number);
            });
        };
    }

    FilterTest identity() {
        const auto word = next("a number after 'identity'");
        const auto number = filter_number(word, UINT32_MAX);
        if (!number) {
            fail("'" + word + "' is no identity");
        }
        return [number](const PacketLevel&, const FilterLevels& all) {
            return std::any_of(all.begin(), all.end(), [&](const PacketLevel& each) {
                return each.identity == *number;
            });
        };
    }

    std::vector<std::string> words_;
    const PacketFilter::HostLookup& lookup_;
    std::size_t at_ = 0;
};

} // namespace

PacketFilter PacketFilter::parse(std::string_view text, const HostLookup& lookup) {
    PacketFilter filter;
    if (text.size() > kFilterBytesMax) {
        throw UsageError("filter: it is longer than " + std::to_string(kFilterBytesMax) + " bytes");
    }
    if (!trim(text).empty()) {
        filter.test_ = FilterParser(text, lookup).run();
    }
    return filter;
}

bool PacketFilter::matches(const std::vector<PacketLevel>& levels) const {
    return !test_ || any_level(test_, levels);
}

} // namespace netemu
