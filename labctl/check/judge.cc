#include "labctl/check/judge.h"

#include <algorithm>
#include <cmath>
#include <regex>
#include <set>

#include "labctl/check/words.h"
#include "labctl/probe/grpc_status.h"
#include "netemu/base/address.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using probe::Outcome;

bool every_outcome_is(const probe::Result& result, Outcome outcome) {
    if (result.outcomes.empty()) {
        return result.first.outcome == outcome;
    }
    return result.outcomes.size() == 1 && result.outcomes.contains(probe::to_string(outcome));
}

bool any_ok(const probe::Result& result) {
    return result.first.outcome == Outcome::Ok || result.outcomes.contains("ok");
}

std::string answered(const probe::Result& result) {
    return "answered" + (result.first.backend.empty() ? "" : " by " + result.first.backend) +
           " in " + netemu::format_duration_us(result.rtt_us);
}

std::string what_happened(const Flow& flow, const probe::Result& result) {
    const auto because = result.first.error.empty() ? "" : ": " + result.first.error;
    switch (result.first.outcome) {
    case Outcome::Ok:
        return answered(result);
    case Outcome::Refused:
        return "the connection was refused";
    case Outcome::Unreachable:
        return "the network said that it is unreachable" + because;
    case Outcome::Timeout:
        if (result.first.drop) {
            return result.first.drop->text;
        }
        return "no answer came within " +
               netemu::format_duration_us(flow.request.timeout_ms * 1000);
    case Outcome::Reset:
        return "the connection was reset after it had been opened";
    case Outcome::DnsError:
        return "the name did not resolve" + because;
    case Outcome::TlsError:
        return "the TLS handshake failed" + because;
    case Outcome::Unsupported:
        return "it cannot be probed here" + because;
    }
    return {};
}

/// The usual slip behind a refusal: a port that no container declares.
std::string port_hint(const Flow& flow, const probe::Result& result) {
    if (result.first.outcome != Outcome::Refused || flow.to.kind != Party::Kind::Pod) {
        return {};
    }
    std::vector<std::string> ports;
    for (const auto& port : flow.to.pod->ports) {
        if (std::to_string(port.number) == flow.request.to.port) {
            return {};
        }
        ports.push_back(std::to_string(port.number) + "/" + netemu::to_lower(port.protocol));
    }
    const auto& service = flow.service_with_port;
    return flow.to.label() + " declares no port " + flow.request.to.port +
           (ports.empty() ? "" : "; it declares " + netemu::join(ports, ", ")) +
           (service.empty() ? ""
                            : "; the Service of that name has it: write " + service + ":" +
                                  flow.request.to.port);
}

std::string counted(const Flow& flow, const probe::Result& result) {
    if (result.outcomes.size() < 2) {
        return what_happened(flow, result);
    }
    return "of " + std::to_string(result.attempts) + " exchanges: " + outcome_text(result);
}

/// The conditions on an answer. Each check returns a sentence when its condition is not met.
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
        seen.emplace(probe::grpc_status_name(grpc.status), 1);
        const auto met = [&wanted](const std::string& name) {
            return std::ranges::find(wanted, name) != wanted.end();
        };
        for (const auto& [name, count] : seen) {
            if (met(name) || (name == "OK" && met(grpc.health))) {
                continue;
            }
            const auto& said = name == "OK" ? grpc.health : grpc.message;
            return "the status of gRPC was " + name + (said.empty() ? "" : " (" + said + ")");
        }
        return {};
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

/// A proxy on the way answers 403 (gRPC: PERMISSION_DENIED) in the target's place when a policy
/// says so: an answer of HTTP, and a denial.
bool denied_with_an_answer(const probe::Result& result) {
    return result.first.outcome == Outcome::Ok && result.first.drop.has_value() &&
           result.dropped >= result.attempts;
}

Judgement judge_allow(const Flow& flow, const probe::Result& result, const Expectation& expect) {
    const bool about_the_answer = !expect.statuses.empty() || !expect.grpc.empty() ||
                                  expect.body_contains || expect.body_matches ||
                                  !expect.headers.empty();
    if (denied_with_an_answer(result) && !about_the_answer) {
        return {Verdict::Fail, result.first.drop->text, {}, result.first.drop->by, false};
    }
    if (!every_outcome_is(result, Outcome::Ok)) {
        const auto decider = result.first.drop ? result.first.drop->by : std::string();
        return {Verdict::Fail, counted(flow, result), port_hint(flow, result), decider, false};
    }
    Answer answer(flow, result);
    if (auto sentence = answer.unmet(expect); !sentence.empty()) {
        return {Verdict::Fail, std::move(sentence), {}, {}, false};
    }
    if (answer.silent_about().empty() || flow.lenient) {
        return {Verdict::Pass, answered(result), {}, {}, !answer.silent_about().empty()};
    }
    return {
        Verdict::Inconclusive,
        "an answer came, but it does not say " + answer.silent_about(),
        "only the built-in workload says who it is and whom it saw",
        {},
        false};
}

std::string packet_of(std::uint32_t size) {
    return "a packet of " + std::to_string(size) + " bytes ";
}

/// A packet of a size that is asserted, or one that is a byte too large.
Judgement judge_size(const Flow& flow, const probe::Result& result) {
    const auto size = flow.request.size;
    if (flow.too_large) {
        return any_ok(result)
                   ? Judgement{Verdict::Fail, packet_of(size) + "came through, too", {}, {}, false}
                   : Judgement{Verdict::Pass, packet_of(size) + "did not", {}, {}, false};
    }
    if (every_outcome_is(result, Outcome::Ok)) {
        return {Verdict::Pass, packet_of(size) + "came through", {}, {}, false};
    }
    return {
        Verdict::Fail,
        packet_of(size) + "did not come through: " + counted(flow, result),
        {},
        {},
        false};
}

Judgement inconclusive(std::string text, std::string hint = {}) {
    return {Verdict::Inconclusive, std::move(text), std::move(hint), {}, false};
}

Judgement judge_deny(
    const Flow& flow, const probe::Result& result, const Expectation& expect, const Proof& proof) {
    if (any_ok(result) && !denied_with_an_answer(result)) {
        const auto reached = every_outcome_is(result, Outcome::Ok) ? "it was " + answered(result)
                                                                   : counted(flow, result);
        return {Verdict::Fail, reached, {}, {}, false};
    }
    const auto happened = counted(flow, result);
    if (result.first.outcome == Outcome::DnsError && result.first.drop) {
        return inconclusive(
            happened + ": that was the look-up, so nothing was sent to " + flow.to.label(),
            "name the target by its address or its pods, or let " + flow.from.label() +
                " ask the DNS");
    }
    if (result.first.outcome == Outcome::DnsError) {
        return inconclusive(happened + ", and that is not what a rule decides");
    }
    if (!proof.sends) {
        return inconclusive(
            happened + ", but nothing shows that " + flow.from.label() + " can send");
    }
    if (!proof.listens) {
        return inconclusive(
            happened + ", but nothing shows that " +
                (proof.target.empty() ? flow.to.label() : proof.target) + " listens there",
            port_hint(flow, result));
    }
    if (!proof.rule) {
        return inconclusive(
            happened + ", but no rule is known to have dropped it",
            "to assert what happens without saying why, expect " +
                probe::to_string(result.first.outcome) + " in place of deny");
    }
    const bool by_other = *proof.rule != expect.by &&
                          std::ranges::find(proof.owners, expect.by) == proof.owners.end();
    if (!expect.by.empty() && by_other) {
        return {
            Verdict::Fail, "it was " + *proof.rule + " that dropped it", {}, *proof.rule, false};
    }
    const auto decider = expect.by.empty() ? *proof.rule : expect.by;
    return {
        Verdict::Pass,
        proof.how.empty() ? "dropped by " + *proof.rule : proof.how,
        {},
        decider,
        false};
}

Judgement judge_outcome(
    const Flow& flow, const probe::Result& result, const Expectation& expect, const Proof& proof) {
    if (!every_outcome_is(result, expect.outcome)) {
        return {Verdict::Fail, counted(flow, result), port_hint(flow, result), {}, false};
    }
    if (expect.outcome == Outcome::Timeout && !proof.sends) {
        return inconclusive(
            counted(flow, result) + ", but nothing shows that " + flow.from.label() + " can send");
    }
    return {Verdict::Pass, counted(flow, result), {}, {}, false};
}

} // namespace

bool needs_proof(const Expectation& expect) {
    return expect.kind == Expectation::Kind::Deny ||
           (expect.kind == Expectation::Kind::Outcome && expect.outcome == Outcome::Timeout);
}

void prove_drop(const probe::Result& result, Proof& proof) {
    const auto& drop = result.first.drop;
    if (!drop || result.dropped < result.attempts) {
        return;
    }
    proof.rule = drop->by.empty()
                     ? "the rule that logs " + quote(drop->prefix) + " on " + drop->node
                     : drop->by;
    proof.owners = drop->policies;
    proof.how = drop->text;
    const bool by_sidecar = drop->by.starts_with("authorizationpolicy/") ||
                            drop->by.starts_with("peerauthentication/") ||
                            drop->by.starts_with("server/") || drop->by.starts_with("default/");
    if (by_sidecar && result.first.outcome != Outcome::Timeout) {
        // A sidecar took the connection and then ended it: nothing more can be shown without one
        // that the policies let in.
        proof.sends = proof.sends ? proof.sends : "it was connected";
        proof.listens = proof.listens ? proof.listens : "a sidecar took the connection";
    }
}

Judgement judge(
    const Flow& flow, const probe::Result* result, const Expectation& expect, const Proof& proof) {
    if (!flow.blocked.empty()) {
        const bool allow = expect.kind == Expectation::Kind::Allow;
        return {allow ? Verdict::Fail : Verdict::Inconclusive, flow.blocked, {}, {}, false};
    }
    if (result == nullptr) {
        return inconclusive("the probe gave no result");
    }
    const bool wanted =
        expect.kind == Expectation::Kind::Outcome && expect.outcome == Outcome::Unsupported;
    if (result->first.outcome == Outcome::Unsupported && !wanted) {
        return inconclusive(what_happened(flow, *result));
    }
    if (expect.mtu) {
        return judge_size(flow, *result);
    }
    switch (expect.kind) {
    case Expectation::Kind::Allow:
        return judge_allow(flow, *result, expect);
    case Expectation::Kind::Deny:
        return judge_deny(flow, *result, expect, proof);
    case Expectation::Kind::Outcome:
        break;
    }
    return judge_outcome(flow, *result, expect, proof);
}

std::string outcome_text(const probe::Result& result) {
    if (result.outcomes.size() < 2) {
        return probe::to_string(result.first.outcome);
    }
    std::vector<std::string> parts;
    for (const auto& [name, count] : result.outcomes) {
        parts.push_back(name + " " + std::to_string(count));
    }
    return netemu::join(parts, ", ");
}

} // namespace labctl::check
