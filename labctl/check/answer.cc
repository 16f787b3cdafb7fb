#include "labctl/check/answer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <vector>

#include "labctl/api/grpc_status.h"
#include "labctl/check/words.h"
#include "netemu/base/address.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

/// The conditions. Each check returns a sentence when its condition is not met.
class Answer {
public:
    Answer(const Flow& flow, const probe::Result& result) : flow_(flow), result_(result) {}

    /// What is not met, or empty.
    std::string unmet(const Expectation& expect) {
        for (const auto& sentence :
             {check_status(expect.statuses),
              check_grpc(expect.grpc),
              check_body(expect),
              check_headers(expect.headers),
              check_tls(expect.tls),
              check_backend(expect.backend),
              check_backend(flow_.backend),
              check_client_ip(expect.client_ip),
              check_identity("who answered", expect.peer_identity, result_.first.peer_identity),
              check_identity(
                  "who asked, as the backend sees it,",
                  expect.client_identity,
                  result_.first.client_identity),
              check_spread(expect.spread),
              check_answers(expect.answers)}) {
            if (!sentence.empty()) {
                return sentence;
            }
        }
        return {};
    }

    /// What the answer does not say although it was asked for, or empty.
    [[nodiscard]] const std::string& silent_about() const { return silent_about_; }

private:
    std::string not_told(const char* what) {
        silent_about_ = what;
        return {};
    }

    [[nodiscard]] std::string check_status(const std::vector<std::pair<int, int>>& wanted) const {
        if (wanted.empty()) {
            return {};
        }
        if (!result_.first.http) {
            return "an answer came, but not one of HTTP";
        }
        auto seen = result_.statuses;
        seen.emplace(std::to_string(result_.first.http->status), 1);
        for (const auto& [status, count] : seen) {
            const int number = std::stoi(status);
            const bool met = std::ranges::any_of(wanted, [number](const auto& range) {
                return range.first <= number && number <= range.second;
            });
            if (!met) {
                return "the HTTP status was " + status;
            }
        }
        return {};
    }

    [[nodiscard]] std::string check_grpc(const std::vector<std::string>& wanted) const {
        if (wanted.empty()) {
            return {};
        }
        if (!result_.first.grpc) {
            return "an answer came, but not one of gRPC";
        }
        const auto& grpc = *result_.first.grpc;
        auto seen = result_.grpc_statuses;
        seen.emplace(api::grpc_status_name(grpc.status), 1);
        for (const auto& [name, count] : seen) {
            const auto said =
                name == "OK" ? unmet_health(wanted, count) : std::optional(grpc.message);
            if (std::ranges::find(wanted, name) == wanted.end() && said) {
                return "the status of gRPC was " + name + (said->empty() ? "" : " (" + *said + ")");
            }
        }
        return {};
    }

    /// What one of `calls` health checks has said that is not wanted, perhaps nothing; nullopt: all
    /// have said what is.
    [[nodiscard]] std::optional<std::string>
    unmet_health(const std::vector<std::string>& wanted, std::uint32_t calls) const {
        auto said = result_.grpc_health;
        if (const auto& first = result_.first.grpc->health; !first.empty()) {
            said.emplace(first, 1);
        }
        std::uint32_t told = 0;
        for (const auto& [health, count] : said) {
            if (std::ranges::find(wanted, health) == wanted.end()) {
                return health;
            }
            told += count;
        }
        return told < calls ? std::optional(std::string()) : std::nullopt;
    }

    /// The data of the records, in any order, but for the aliases on the way to them.
    std::string check_answers(const std::optional<std::vector<std::string>>& wanted) {
        if (!wanted) {
            return {};
        }
        if (result_.first.rcode.empty()) {
            return not_told("which records it holds");
        }
        std::set<std::string> missing;
        for (const auto& data : *wanted) {
            missing.insert(without_dot(data));
        }
        const auto expected = missing;
        std::vector<std::string> seen;
        bool other = false;
        for (const auto& answer : result_.first.answers) {
            const auto data = without_dot(answer.data);
            seen.push_back(data);
            missing.erase(data);
            other = other || (answer.type != "CNAME" && !expected.contains(data));
        }
        if (missing.empty() && !other) {
            return {};
        }
        return seen.empty() ? "the name has no such records"
                            : "the answers were " + netemu::join(seen, ", ");
    }

    static std::string without_dot(std::string text) {
        if (text.size() > 1 && text.ends_with('.')) {
            text.pop_back();
        }
        return text;
    }

    [[nodiscard]] std::string check_body(const Expectation& expect) const {
        constexpr std::size_t kRegexBytesMax = 8192; // std::regex recurses once per character
        const auto body = result_.first.http ? result_.first.http->body : std::string{};
        if (expect.body_contains && body.find(*expect.body_contains) == std::string::npos) {
            return "the body does not contain " + quote(*expect.body_contains);
        }
        if (expect.body_matches &&
            !std::regex_search(body.substr(0, kRegexBytesMax), std::regex(*expect.body_matches))) {
            return "the body does not match " + quote(*expect.body_matches);
        }
        return {};
    }

    [[nodiscard]] std::string
    check_headers(const std::map<std::string, std::string>& wanted) const {
        for (const auto& [name, glob] : wanted) {
            const auto& http = result_.first.http;
            if (!http || !http->headers.contains(name)) {
                return "the answer has no header " + quote(name);
            }
            if (const auto& value = http->headers.at(name); !netemu::glob_match(glob, value)) {
                return "the header " + quote(name) + " is " + quote(value);
            }
        }
        return {};
    }

    [[nodiscard]] std::string check_tls(const std::map<std::string, std::string>& wanted) const {
        if (wanted.empty()) {
            return {};
        }
        if (!result_.first.tls) {
            return "an answer came, but not one of TLS";
        }
        const auto& tls = *result_.first.tls;
        for (const auto& [name, pattern] : wanted) {
            const auto& glob = pattern; // a lambda cannot have the name itself
            auto seen = std::vector{
                name == "subject"  ? tls.subject
                : name == "issuer" ? tls.issuer
                                   : tls.version};
            if (name == "dnsName") {
                seen = tls.dns_names;
            }
            const bool met = std::ranges::any_of(
                seen, [&glob](const auto& value) { return netemu::glob_match(glob, value); });
            if (!met) {
                return "the " + name + " of TLS is " +
                       (seen.empty() ? std::string("missing") : quote(netemu::join(seen, ", ")));
            }
        }
        return {};
    }

    std::string check_backend(const std::string& glob) {
        if (glob.empty()) {
            return {};
        }
        auto seen = result_.backends;
        if (!result_.first.backend.empty()) {
            seen.emplace(result_.first.backend, 1);
        }
        if (seen.empty()) {
            return not_told("who gave it");
        }
        for (const auto& [backend, count] : seen) {
            const auto name = backend.substr(backend.find('/') + 1); // the whole without a slash
            if (!netemu::glob_match(glob, backend) && !netemu::glob_match(glob, name)) {
                return "it was answered by " + backend + ", not by " + glob;
            }
        }
        return {};
    }

    std::string check_spread(const std::vector<Share>& shares) {
        if (shares.empty()) {
            return {};
        }
        double total = 0;
        for (const auto& [backend, count] : result_.backends) {
            total += count;
        }
        if (total < result_.attempts) {
            return not_told("who gave it");
        }
        for (const auto& share : shares) {
            double count = 0;
            for (const auto& [backend, times] : result_.backends) {
                const auto name = backend.substr(backend.find('/') + 1);
                const bool meant = netemu::glob_match(share.backend, backend) ||
                                   netemu::glob_match(share.backend, name);
                count += meant ? times : 0;
            }
            constexpr double kDeviations = 4;
            const auto slack =
                share.about ? kDeviations * std::sqrt(share.low * (1 - share.low) / total) : 0;
            const auto part = count / total;
            if (part < share.low - slack || part > share.high + slack) {
                return share.backend + " gave " + std::to_string(static_cast<int>(count)) + " of " +
                       std::to_string(static_cast<int>(total)) + " answers, not " + share.text;
            }
        }
        return {};
    }

    static std::string
    check_identity(const char* who, const std::string& glob, const std::string& seen) {
        const bool met = glob == "none" ? seen.empty() : netemu::glob_match(glob, seen);
        if (glob.empty() || met) {
            return {};
        }
        return std::string(who) + " has " +
               (seen.empty() ? "shown no identity" : "the identity " + quote(seen)) + ", not " +
               glob;
    }

    std::string check_client_ip(const std::string& wanted) {
        if (wanted.empty()) {
            return {};
        }
        const auto& seen = result_.first.client_ip;
        if (seen.empty() || flow_.client_ips.empty()) {
            return not_told("from which address it saw the request come");
        }
        const auto address = netemu::IpAddress::parse(seen);
        const bool met = std::ranges::any_of(flow_.client_ips, [&](const std::string& ip) {
            return ip == seen || (address && netemu::IpAddress::parse(ip) == address);
        });
        if (met) {
            return {};
        }
        return "the server saw it come from " + seen +
               (wanted == "node" ? ", which is no node's address"
                                 : ", not from " + netemu::join(flow_.client_ips, " or "));
    }

    const Flow& flow_;
    const probe::Result& result_;
    std::string silent_about_;
};

} // namespace

AnswerFinding
examine_answer(const Flow& flow, const probe::Result& result, const Expectation& expect) {
    Answer answer(flow, result);
    auto unmet = answer.unmet(expect);
    return {std::move(unmet), answer.silent_about()};
}

bool expects_content(const Expectation& expect) {
    return !expect.statuses.empty() || !expect.grpc.empty() || expect.body_contains ||
           expect.body_matches || !expect.headers.empty();
}

} // namespace labctl::check
