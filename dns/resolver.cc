#include "dns/resolver.h"

#include <algorithm>
#include <array>
#include <random>

#include "dns/answer.h"
#include "dns/late_answer.h"
#include "dns/rdata.h"
#include "dns/writer.h"

namespace dns {
namespace {

constexpr auto kInternet = static_cast<std::uint16_t>(Class::In);

bool is_address(std::uint16_t type) {
    return type == static_cast<std::uint16_t>(Type::A) ||
           type == static_cast<std::uint16_t>(Type::Aaaa);
}

Handled write_any(const QueryView& query, std::span<std::uint8_t> out, std::size_t limit) {
    auto response = local_response({query.name(), query.type, query.klass});
    response.answers.push_back(
        {query.name(),
         static_cast<std::uint16_t>(Type::Hinfo),
         kInternet,
         limits::kAnyTtlS,
         txt_rdata("ANY obsoleted") + txt_rdata("See RFC 8482")});
    const auto wire = encode_response(query, response, limit);
    std::copy(wire.begin(), wire.end(), out.begin());
    return {wire.size(), Rcode::NoError, {Source::Any, {}}};
}

/// A CNAME with what was found behind it.
Message chained(Message whole, const Message& end) {
    whole.answers.insert(whole.answers.end(), end.answers.begin(), end.answers.end());
    if (end.rcode == Rcode::NoError || end.rcode == Rcode::NxDomain) {
        // The rcode tells of the end of the chain (RFC 2308 section 2.1).
        whole.rcode = end.rcode;
        whole.authority = end.authority;
        whole.origin = end.origin;
        whole.flags |= end.flags & flag::kTruncated;
    }
    return whole;
}

} // namespace

/// A question on its way through rewrite and autopath.
struct BlockResolver::Walk {
    Ask ask; // as rewritten
    Question original;
    std::vector<std::size_t> rewritten;
    std::vector<Name> names;
    std::size_t next = 0;
    std::optional<Message> first; // what the first name of a search got
    Done done;
};

BlockResolver::BlockResolver(ServerBlock config, BlockParts parts)
    : config_(std::move(config)), parts_(std::move(parts)) {
    if (!config_.rewrite.empty()) {
        rewriter_ = std::make_unique<Rewriter>(config_.rewrite);
    }
    for (const auto& item : config_.templates) {
        templates_.emplace_back(item);
    }
    if (config_.hosts) {
        hosts_ = std::make_unique<HostsTable>(*config_.hosts, parts_.hosts_text);
    }
    if (config_.autopath && parts_.zone != nullptr) {
        autopath_ = std::make_unique<Autopath>(*config_.autopath, *parts_.zone, parts_.host_search);
    }
    if (config_.cache) {
        cache_ = std::make_unique<Cache>(*config_.cache);
    }
}

BlockResolver::~BlockResolver() = default;

bool BlockResolver::straight() const {
    return !rewriter_ && !autopath_ && templates_.empty() && !hosts_;
}

void BlockResolver::expect(std::span<const Bytes> packets) const {
    if (parts_.zone != nullptr) {
        parts_.zone->expect(packets);
    }
}

Handled BlockResolver::handle(
    const QueryView& query,
    const Client& client,
    std::span<std::uint8_t> out,
    ReplyMaker& replies) {
    if (loop_ && loop_->probe.sees(query)) {
        const auto loop = std::move(loop_); // told of once
        loop->found(loop->probe.name(), client);
        return {};
    }
    if (config_.any && query.type == static_cast<std::uint16_t>(Type::Any)) {
        return write_any(query, out, client.limit);
    }
    if (!straight()) {
        return handle_slowly(query, client, out, replies);
    }
    if (parts_.zone != nullptr) {
        const auto answer = answer_cluster(*parts_.zone, query, out, client.limit);
        if (answer.state == ClusterAnswer::State::Answered) {
            return {answer.size, answer.rcode, {Source::Kubernetes, {}}};
        }
        if (answer.state == ClusterAnswer::State::Target) {
            return handle_slowly(query, client, out, replies);
        }
    }
    if (cache_ && parts_.files.empty()) {
        const auto handled = from_cache(query, client, out);
        if (handled.size > 0) {
            return handled;
        }
    }
    return handle_slowly(query, client, out, replies);
}

Handled BlockResolver::from_cache(
    const QueryView& query, const Client& client, std::span<std::uint8_t> out) {
    const auto hit = cache_->answer(query, parts_.now(), out, client.limit);
    if (hit.size == 0) {
        return {};
    }
    if (counters_ != nullptr) {
        counters_->cache(true, hit.denial);
    }
    if (hit.refresh) {
        ask_upstream(ask_of(query, client), [](const Message& /*response*/) {});
    }
    return {hit.size, hit.rcode, {Source::Cache, {}}};
}

Handled BlockResolver::handle_slowly(
    const QueryView& query,
    const Client& client,
    std::span<std::uint8_t> out,
    ReplyMaker& replies) {
    return answer_when_found(query, client, out, replies, [&](Done done) {
        resolve(ask_of(query, client), client.address.address, std::move(done));
    });
}

void BlockResolver::resolve(const Ask& ask, const netemu::IpAddress& client, Done done) {
    auto walk = std::make_shared<Walk>();
    walk->ask = ask;
    walk->original = ask.question;
    walk->done = std::move(done);
    if (rewriter_) {
        auto result = rewriter_->rewrite(ask.question);
        walk->ask.question = std::move(result.question);
        walk->rewritten = std::move(result.applied);
    }
    if (autopath_) {
        walk->names = autopath_->candidates(walk->ask.question, client);
    }
    if (walk->names.empty()) {
        walk->names.push_back(walk->ask.question.name);
    }
    search(walk);
}

void BlockResolver::search(const std::shared_ptr<Walk>& state) {
    auto ask = state->ask;
    ask.question.name = state->names[state->next++];
    const auto name = ask.question.name;
    walk(ask, 0, [this, alive = std::weak_ptr(alive_), state, name](Message response) {
        if (alive.expired()) {
            return;
        }
        const bool again = response.rcode == Rcode::NxDomain && state->next < state->names.size();
        if (again) {
            if (!state->first) {
                state->first = std::move(response);
            }
            search(state);
            return;
        }
        if (state->names.size() > 1) {
            response = response.rcode == Rcode::NxDomain && state->first
                           ? std::move(*state->first)
                           : Autopath::redirect(state->ask.question, name, std::move(response));
        }
        if (rewriter_) {
            rewriter_->revert(response, state->original, state->rewritten);
        }
        shuffle(response);
        if (!config_.forward.empty()) {
            response.flags |= flag::kRecursionAvailable;
        }
        state->done(std::move(response));
    });
}

void BlockResolver::walk(const Ask& ask, std::size_t depth, const Done& done) {
    if (auto message = local(ask)) {
        done(std::move(*message));
        return;
    }
    std::optional<Name> target;
    if (auto message = cluster(ask, target)) {
        if (target && depth < limits::kChainMax) {
            chase(ask, *target, depth, [done, message](const Message& end) {
                done(chained(*message, end));
            });
        } else {
            done(std::move(*message));
        }
        return;
    }
    if (auto message = from_files(ask.question)) {
        done(std::move(*message));
        return;
    }
    forward(ask, done);
}

std::optional<Message> BlockResolver::from_files(const Question& question) const {
    for (std::size_t i = 0; i < parts_.files.size(); ++i) {
        auto message = parts_.files[i].answer(question);
        const bool through = message && message->rcode == Rcode::NxDomain &&
                             i < config_.files.size() &&
                             config_.files[i].through.covers(question.name);
        if (message && !through) {
            message->origin.source = Source::File;
            return message;
        }
    }
    return std::nullopt;
}

std::optional<Message> BlockResolver::local(const Ask& ask) const {
    for (const auto& item : templates_) {
        if (auto message = item.answer(ask.question)) {
            message->origin.source = Source::Template;
            return message;
        }
    }
    auto message = hosts_ ? hosts_->answer(ask.question) : std::nullopt;
    if (message) {
        message->origin.source = Source::Hosts;
    }
    return message;
}

std::optional<Message> BlockResolver::cluster(const Ask& ask, std::optional<Name>& target) const {
    if (parts_.zone == nullptr || ask.question.klass != kInternet) {
        return std::nullopt;
    }
    Message message;
    message.question = ask.question;
    const auto packet = encode(message);
    QueryView query; // NOLINT(cppcoreguidelines-pro-type-member-init): its arrays are large
    if (parse_query(as_bytes(packet), query).state != Parsed::Good) {
        return std::nullopt;
    }
    std::vector<std::uint8_t> buffer(limits::kMessageBytesMax);
    const auto answer = answer_cluster(*parts_.zone, query, buffer, buffer.size());
    switch (answer.state) {
    case ClusterAnswer::State::Answered: {
        auto response = decode(Bytes(buffer).first(answer.size));
        if (response) {
            response->origin.source = Source::Kubernetes;
        }
        return response;
    }
    case ClusterAnswer::State::Target: {
        target = Name::from_wire(answer.service->external());
        auto response = local_response(ask.question);
        response.origin.source = Source::Kubernetes;
        response.answers.push_back(
            {ask.question.name,
             static_cast<std::uint16_t>(Type::Cname),
             kInternet,
             parts_.zone->options().ttl_s,
             std::string(answer.service->external())});
        return response;
    }
    default:
        return std::nullopt;
    }
}

void BlockResolver::chase(const Ask& ask, const Name& target, std::size_t depth, const Done& done) {
    auto next = ask;
    if (target.equals(ask.question.name)) { // it points to itself
        done(local_response(ask.question, Rcode::ServFail));
        return;
    }
    next.question.name = target;
    walk(next, depth + 1, done);
}

void BlockResolver::forward(const Ask& ask, const Done& done) {
    if (cache_) {
        auto found = cache_->find(ask.question, ask.dnssec_ok, ask.checking_disabled, parts_.now());
        if (counters_ != nullptr) {
            counters_->cache(found.has_value(), found && found->rcode != Rcode::NoError);
        }
        if (found) {
            found->origin.source = Source::Cache;
            done(*found);
            return;
        }
    }
    ask_upstream(ask, done);
}

void BlockResolver::ask_upstream(const Ask& ask, const Done& done) {
    Upstream* best = nullptr;
    std::size_t longest = 0;
    bool configured = false;
    for (std::size_t i = 0; i < config_.forward.size(); ++i) {
        const auto& forward = config_.forward[i];
        const auto in = [&ask](const Name& zone) { return ask.question.name.is_within(zone); };
        const bool wanted =
            in(forward.from) && std::none_of(forward.except.begin(), forward.except.end(), in);
        if (wanted && forward.from.wire().size() > longest) {
            longest = forward.from.wire().size();
            best = i < parts_.upstreams.size() ? parts_.upstreams[i].get() : nullptr;
            configured = true;
        }
    }
    if (best == nullptr) {
        // coredns: no plugin took the question is REFUSED; an upstream that is missing, SERVFAIL.
        auto response = local_response(ask.question, configured ? Rcode::ServFail : Rcode::Refused);
        response.flags = flag::kResponse;
        response.origin.unanswered = configured;
        done(std::move(response));
        return;
    }
    if (counters_ != nullptr) {
        ++counters_->forwarded;
    }
    best->query(ask, [this, alive = std::weak_ptr(alive_), ask, done](Message response) {
        if (alive.expired()) {
            return;
        }
        response.question = ask.question;
        response.origin.source = Source::Forward;
        if (counters_ != nullptr) {
            const bool refused =
                response.rcode == Rcode::Refused && response.origin.upstream.port == 0;
            counters_->forward_refused += refused ? 1 : 0;
            counters_->forward_failed += response.rcode == Rcode::ServFail ? 1 : 0;
        }
        if (cache_) {
            cache_->store(response, ask.dnssec_ok, ask.checking_disabled, parts_.now());
            if (counters_ != nullptr) {
                counters_->cache_entries = cache_->size();
            }
        }
        done(std::move(response));
    });
}

void BlockResolver::probe_loop(LoopFound found, const Done& done) {
    loop_ =
        std::make_unique<LoopWait>(LoopWait{LoopProbe(config_.zones.front()), std::move(found)});
    const Question question{
        loop_->probe.name(), static_cast<std::uint16_t>(Type::Hinfo), kInternet};
    ask_upstream({question}, done);
}

void BlockResolver::shuffle(Message& response) const {
    static thread_local std::minstd_rand random{std::random_device{}()};
    if (!config_.loadbalance) {
        return;
    }
    // CNAMEs first and in order, then addresses and MX in any (coredns plugin/loadbalance).
    auto& answers = response.answers;
    const auto movable =
        std::stable_partition(answers.begin(), answers.end(), [](const Record& record) {
            return !is_address(record.type) && !record.is(Type::Mx);
        });
    std::shuffle(movable, answers.end(), random);
}

void Resolver::add(std::unique_ptr<BlockResolver> block) {
    for (const auto& zone : block->config().zones) {
        entries_.push_back({zone.lower().wire(), zone.labels().size(), block.get()});
    }
    std::stable_sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
        return a.labels > b.labels;
    });
    blocks_.push_back(std::move(block));
}

void Resolver::expect(std::span<const Bytes> packets) {
    for (const auto& block : blocks_) {
        block->expect(packets);
    }
}

Handled Resolver::handle(
    const QueryView& query,
    const Client& client,
    std::span<std::uint8_t> out,
    ReplyMaker& replies) {
    if (query.klass == kInternet) {
        for (const auto& entry : entries_) {
            if (query.labels >= entry.labels &&
                query.name_from(query.labels - entry.labels) == entry.zone) {
                return entry.block->handle(query, client, out, replies);
            }
        }
    }
    return {write_error(query, Rcode::Refused, out), Rcode::Refused};
}

BlockResolver* Resolver::block_of(const Name& name) {
    for (const auto& entry : entries_) {
        if (name.is_within(Name::from_wire(entry.zone))) {
            return entry.block;
        }
    }
    return nullptr;
}

ZoneOptions zone_options(const KubernetesConfig& config, bool shuffle) {
    ZoneOptions options;
    bool have_domain = false;
    for (const auto& zone : config.zones) {
        static const auto kV4 = Name::parse("in-addr.arpa").value();
        static const auto kV6 = Name::parse("ip6.arpa").value();
        if (zone.is_within(kV4) || zone.is_within(kV6)) {
            options.reverse.push_back(zone);
        } else if (!have_domain) {
            options.domain = zone;
            have_domain = true;
        }
    }
    options.pods = config.pods;
    options.ttl_s = config.ttl_s;
    options.namespaces = config.namespaces;
    options.ignore_empty_service = config.ignore_empty_service;
    options.shuffle = shuffle;
    if (config.through.on) {
        options.fallthrough =
            config.through.zones.empty() ? std::vector<Name>{Name{}} : config.through.zones;
    }
    return options;
}

} // namespace dns
