#include "labctl/supervisor/bird_text.h"

#include <charconv>
#include <string_view>

#include "netemu/base/text.h"

namespace labctl::supervisor {

namespace {

constexpr int kProtocolRow = 1002;
constexpr int kProtocolDetail = 1006;
constexpr int kRouteRow = 1007;
constexpr int kRouteType = 1008;
constexpr int kRouteAttribute = 1012;

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (const auto word : netemu::split(text, ' ')) {
        if (!netemu::trim(word).empty()) {
            words.push_back(netemu::trim(word));
        }
    }
    return words;
}

template <typename Number>
Number number_in(std::string_view text) {
    Number value = 0;
    (void)std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// What stands behind "KEY:" in the line, if that is its key.
std::optional<std::string_view> value_of(std::string_view line, std::string_view key) {
    const auto text = netemu::trim(line);
    if (!text.starts_with(key) || text.substr(key.size()).substr(0, 1) != ":") {
        return std::nullopt;
    }
    return netemu::trim(text.substr(key.size() + 1));
}

class BirdLines {
public:
    BirdView run(const std::vector<BirdLine>& lines) {
        for (const auto& line : lines) {
            switch (line.code) {
            case kProtocolRow:
                protocol(line.text);
                break;
            case kProtocolDetail:
                detail(line.text);
                break;
            case kRouteRow:
            case kRouteType:
            case kRouteAttribute:
                line.code == kRouteRow ? route(line.text) : attribute(line.text);
                break;
            default:
                break;
            }
        }
        return std::move(view_);
    }

private:
    /// "Mesh_172_18_0_3 BGP        ---        up     1795674215    Established"
    void protocol(std::string_view text) {
        constexpr std::size_t kSince = 4;
        const auto words = words_of(text);
        in_session_ = words.size() > kSince && words[1] == "BGP";
        if (in_session_) {
            auto& session = view_.sessions.emplace_back();
            session.protocol = words[0];
            session.state = "Down";
            session.since = number_in<std::int64_t>(words[kSince]);
        }
    }

    void detail(std::string_view text) {
        if (!in_session_) {
            return;
        }
        auto& session = view_.sessions.back();
        if (const auto value = value_of(text, "Description")) {
            session.peer = *value;
        } else if (const auto state = value_of(text, "BGP state")) {
            session.state = *state;
        } else if (const auto address = value_of(text, "Neighbor address")) {
            session.address = *address;
        } else if (const auto as = value_of(text, "Neighbor AS")) {
            session.as_number = number_in<std::uint32_t>(*as);
        } else if (const auto local = value_of(text, "Local AS")) {
            session.local_as = number_in<std::uint32_t>(*local);
        } else if (const auto error = value_of(text, "Last error")) {
            session.error = *error;
        } else if (const auto routes = value_of(text, "Routes")) {
            count_routes(session, *routes);
        }
    }

    /// "1 imported, 2 exported, 1 preferred"
    static void count_routes(BirdSession& session, std::string_view text) {
        for (const auto part : netemu::split(text, ',')) {
            const auto words = words_of(part);
            if (words.size() == 2 && words[1] == "imported") {
                session.received = number_in<std::uint64_t>(words[0]);
            } else if (words.size() == 2 && words[1] == "exported") {
                session.sent = number_in<std::uint64_t>(words[0]);
            }
        }
    }

    /// "10.244.2.0/24        unicast [Mesh_172_18_0_3 1795674215] * (100) [i]", without the prefix
    /// for another way to the same; then "\tvia 172.18.0.3 on eth0", or
    /// "\tdev wireguard.cali".
    void route(std::string_view text) {
        const auto words = words_of(text);
        if (words.size() >= 2 && words[0] == "via") {
            way(words);
            return;
        }
        if (words.size() == 2 && words[0] == "dev" && !view_.routes.empty()) {
            view_.routes.back().interface = words[1];
            return;
        }
        std::size_t at = 0;
        if (!words.empty()) {
            if (const auto prefix = netemu::IpPrefix::parse(words[0])) {
                destination_ = *prefix;
                at = 1;
            }
        }
        if (words.size() < at + 3 || !words[at + 1].starts_with('[')) {
            return; // "Table master4:"
        }
        BirdRoute found;
        found.destination = destination_;
        found.type = words[at];
        found.protocol = words[at + 1].substr(1);
        found.since = number_in<std::int64_t>(words[at + 2]);
        for (const auto word : words) {
            found.best = found.best || word == "*";
        }
        view_.routes.push_back(std::move(found));
    }

    void way(const std::vector<std::string_view>& words) {
        constexpr std::size_t kDevice = 3;
        if (view_.routes.empty()) {
            return;
        }
        view_.routes.back().gateways.emplace_back(words[1]);
        if (words.size() > kDevice && words[2] == "on") {
            view_.routes.back().interface = words[kDevice];
        }
    }

    void attribute(std::string_view text) {
        if (view_.routes.empty()) {
            return;
        }
        auto& current = view_.routes.back();
        if (const auto path = value_of(text, "BGP.as_path")) {
            current.as_path = *path;
        } else if (const auto hop = value_of(text, "BGP.next_hop")) {
            current.next_hop = *hop;
        } else if (const auto type = value_of(text, "Type")) {
            current.origin = type->substr(0, type->find(' '));
        }
    }

    BirdView view_;
    bool in_session_ = false;
    netemu::IpPrefix destination_;
};

} // namespace

BirdView read_bird(const std::vector<BirdLine>& lines) {
    return BirdLines().run(lines);
}

} // namespace labctl::supervisor
