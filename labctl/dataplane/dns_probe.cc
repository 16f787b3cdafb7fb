#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include <netinet/in.h>

#include "dns/message.h"
#include "dns/stub.h"
#include "labctl/dataplane/dns_sockets.h"
#include "labctl/dataplane/dns_trace.h"
#include "labctl/dataplane/lookup.h"
#include "labctl/dataplane/probe_tasks.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kTrySecondsDefault = 5; // resolv.conf(5): `timeout`, at most 30
constexpr unsigned kTrySecondsMax = 30;
constexpr unsigned kAttemptsDefault = 2; // resolv.conf(5): `attempts`, at most 5
constexpr unsigned kAttemptsMax = 5;
constexpr std::size_t kReportedBytesMax = 48U << 10U; // of records, so that a sample fits

unsigned
conf_number(const dns::ResolvConf& conf, std::string_view key, unsigned otherwise, unsigned most) {
    unsigned value = otherwise;
    for (const auto& option : conf.options) {
        if (option.starts_with(key)) {
            std::from_chars(option.data() + key.size(), option.data() + option.size(), value);
        }
    }
    return std::clamp(value, 1U, most);
}

/// The text of a domain name, as people write it.
std::string plain_name(const dns::Name& name) {
    auto text = name.to_string();
    if (text.size() > 1) {
        text.pop_back();
    }
    return text;
}

/// A name is asked for as the C library does it (StubResolver): the queries of one candidate leave
/// at once, over UDP unless an answer is truncated; the next server follows when one is silent,
/// refuses or fails. The rules of retrying are those of glibc's res_send.c.
class DnsProbe final : public ProbeTask, private DnsSocketsListener {
public:
    DnsProbe(
        ProbeHost& host,
        ProbeJob job,
        netemu::UniqueFd socket,
        std::vector<netemu::UniqueFd> more_sockets)
        : ProbeTask(host, std::move(job), std::move(socket)), more_(std::move(more_sockets)) {}
    DnsProbe(const DnsProbe&) = delete;
    DnsProbe& operator=(const DnsProbe&) = delete;
    ~DnsProbe() override = default;

    void start() override {
        lookup_ = decode_lookup(job().what->payload);
        try_time_ = 1s * conf_number(lookup_.conf, "timeout:", kTrySecondsDefault, kTrySecondsMax);
        attempts_ = conf_number(lookup_.conf, "attempts:", kAttemptsDefault, kAttemptsMax);
        std::vector<std::uint16_t> types;
        for (const auto& type : lookup_.types) {
            types.push_back(dns::parse_type(type).value_or(0));
        }
        std::vector<int> sockets{fd()};
        for (const auto& socket : more_) {
            sockets.push_back(socket.get());
        }
        auto& listener = static_cast<DnsSocketsListener&>(*this);
        sockets_.emplace(
            host_.loop(), listener, lookup_.servers, std::move(sockets), job().source_port);
        stub_.emplace(lookup_.name, lookup_.conf, std::move(types));
        started_ = netemu::Clock::now();
        next_candidate();
    }

private:
    struct Query {
        std::uint16_t id = 0;
        std::uint16_t type = 0;
        std::optional<dns::StubResolver::Answer> answer;
        std::optional<std::size_t> step; // of `trace_`
    };
    /// The server will not answer this query: as good as silence, but known at once.
    void dropped(std::uint32_t drop) override {
        drop_ = drop;
        server_failed("timeout");
    }

    void on_events(std::uint32_t /*events*/) override {} // the sockets are watched one by one

    void next_candidate() {
        const auto step = stub_->next();
        if (!step) {
            return conclude();
        }
        asked_.push_back(step->name);
        queries_.clear();
        for (const auto type : step->types) {
            // Connected sockets of our own: the number only tells late answers from wanted ones.
            queries_.push_back(
                {static_cast<std::uint16_t>(job().id * 7919 + ++query_count_), type, {}, {}});
        }
        server_ = 0;
        round_ = 0;
        ask_server();
    }

    void ask_server() {
        const auto deadline = timeout_from(started_);
        set_deadline(std::min(deadline, netemu::Clock::now() + try_time_));
        for (auto& query : queries_) {
            if (query.answer) {
                continue;
            }
            query.step = trace_.sent(lookup_, asked_.back(), query.type, query.id, server_);
            if (!send(query, lookup_.tcp)) {
                return server_failed(failure_);
            }
        }
        await_drop_on(
            sockets_->socket_of(server_, lookup_.tcp),
            lookup_.tcp ? IPPROTO_TCP : IPPROTO_UDP,
            lookup_.servers[server_]);
    }

    bool send(const Query& query, bool tcp) {
        auto message = dns::make_query(asked_.back(), query.type);
        message.id = query.id;
        const int error = sockets_->send(server_, tcp, dns::encode(message));
        return error == 0 || failed_with(error);
    }

    bool failed_with(int error_number) {
        failure_ = "unreachable";
        failure_text_ = netemu::errno_text(error_number);
        return false;
    }

    [[nodiscard]] bool waits() const override { return !ended(); }

    void on_failed(std::size_t server, int error_number) override {
        const bool waiting = std::any_of(
            queries_.begin(), queries_.end(), [](const auto& query) { return !query.answer; });
        if (server == server_ && waiting) {
            failed_with(error_number);
            server_failed(failure_);
        }
    }

    /// One answer, if it is one that is waited for.
    void on_packet(std::size_t server, bool tcp, dns::Bytes packet) override {
        const auto message = dns::decode(packet);
        if (!message || !message->has(dns::flag::kResponse) || server != server_) {
            return;
        }
        const auto found = std::find_if(queries_.begin(), queries_.end(), [&](const auto& query) {
            return !query.answer && query.id == message->id &&
                   (!message->question || (message->question->type == query.type &&
                                           message->question->name.equals(asked_.back())));
        });
        if (found == queries_.end()) {
            return;
        }
        if (!tcp && message->has(dns::flag::kTruncated)) {
            trace_.ended(found->step, "truncated", {});
            found->step = trace_.sent(lookup_, asked_.back(), found->type, found->id, server_);
            trace_.over_tcp(found->step);
            return send(*found, true) ? void() : server_failed(failure_);
        }
        const bool bad =
            message->rcode != dns::Rcode::NoError && message->rcode != dns::Rcode::NxDomain;
        if (bad) {
            trace_.ended(found->step, dns::rcode_text(message->rcode), {});
        }
        if (bad && server_ + 1 < lookup_.servers.size()) {
            return server_failed(dns::rcode_text(message->rcode));
        }
        if (bad) {
            failure_ = dns::rcode_text(message->rcode);
        }
        last_answers_ = message->answers;
        trace_.ended(found->step, dns::rcode_text(message->rcode), message->answers);
        found->answer.emplace();
        found->answer->type = found->type;
        found->answer->rcode = message->rcode;
        found->answer->records = message->answers;
        check_answered();
    }

    void check_answered() {
        std::vector<dns::StubResolver::Answer> answers;
        for (const auto& query : queries_) {
            if (!query.answer) {
                return;
            }
            answers.push_back(*query.answer);
        }
        stub_->answered(answers);
        next_candidate();
    }

    /// The next server, or the first one again; in the end there is no answer.
    void server_failed(const std::string& why) {
        failure_ = why;
        for (const auto& query : queries_) {
            trace_.ended(query.step, why, {});
        }
        if (++server_ == lookup_.servers.size()) {
            server_ = 0;
            ++round_;
        }
        if (round_ < attempts_) {
            return ask_server();
        }
        give_up();
    }

    void give_up() {
        for (const auto& query : queries_) {
            trace_.ended(query.step, failure_, {});
        }
        no_answer_ = true;
        conclude();
    }

    void on_deadline() override {
        if (netemu::Clock::now() >= timeout_from(started_)) {
            failure_ = "timeout";
            return give_up();
        }
        server_failed("timeout");
    }

    [[nodiscard]] std::string asked_text() const {
        std::vector<std::string> servers;
        for (const auto& server : lookup_.servers) {
            servers.push_back(
                server.port == kDnsPort ? server.address.to_string() : server.to_string());
        }
        std::vector<std::string> names;
        for (const auto& name : asked_) {
            names.push_back(plain_name(name));
        }
        return netemu::join(servers, ", ") + " was asked for " + netemu::join(lookup_.types, "+") +
               " of " + netemu::join(names, ", ");
    }

    void conclude() {
        using Stub = dns::StubResolver::Outcome;
        ProbeOutcome outcome;
        outcome.rtt_us = elapsed_us();
        const auto result = no_answer_ ? Stub::TryAgain : stub_->outcome();
        outcome.outcome = result == Stub::Found || result == Stub::NoData
                              ? probe::Outcome::Ok
                              : probe::Outcome::DnsError;
        if (result == Stub::TryAgain) {
            outcome.rcode = failure_;
            outcome.drop = failure_ == "timeout" ? drop_ : 0;
        } else {
            outcome.rcode = dns::rcode_text(
                result == Stub::NotFound ? dns::Rcode::NxDomain : dns::Rcode::NoError);
        }
        if (result != Stub::TryAgain) {
            std::size_t room = kReportedBytesMax;
            outcome.answers =
                answer_texts(result == Stub::Found ? stub_->records() : last_answers_, room);
        }
        if (result != Stub::Found) {
            outcome.detail = outcome.rcode + why() + ": " + asked_text();
        }
        outcome.steps = trace_.take();
        sockets_->stop();
        finish(std::move(outcome));
    }

    /// What the kernel said, and how long we waited.
    [[nodiscard]] std::string why() const {
        if (failure_ == "timeout" && no_answer_) {
            return " (no answer within " + std::to_string(job().what->timeout_ms) + " ms)";
        }
        return no_answer_ && !failure_text_.empty() ? " (" + failure_text_ + ")" : std::string();
    }

    std::vector<netemu::UniqueFd> more_;
    Lookup lookup_;
    std::optional<DnsSockets> sockets_; // its end comes before theirs
    netemu::Clock::duration try_time_{};
    unsigned attempts_ = 0;
    std::optional<dns::StubResolver> stub_;
    std::vector<dns::Name> asked_; // the last one is the current candidate
    std::vector<Query> queries_;
    std::uint32_t query_count_ = 0;
    std::size_t server_ = 0; // that is asked now
    unsigned round_ = 0;
    bool no_answer_ = false;
    std::uint32_t drop_ = 0; // the last notice of one of our packets; 0: none
    std::string failure_;    // the rcode, "timeout" or "unreachable"
    std::string failure_text_;
    std::vector<dns::Record> last_answers_;
    DnsTrace trace_;
};

} // namespace

std::unique_ptr<ProbeTask> make_dns_probe(
    ProbeHost& host,
    ProbeJob job,
    netemu::UniqueFd socket,
    std::vector<netemu::UniqueFd> more_sockets) {
    return std::make_unique<DnsProbe>(
        host, std::move(job), std::move(socket), std::move(more_sockets));
}

} // namespace labctl::dataplane
