#include "dns/cache.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "dns/writer.h"

namespace dns {
namespace {

/// What makes two questions the same for the cache, besides their name.
struct CacheKind {
    std::uint16_t type;
    std::uint16_t klass;
    bool dnssec_ok;
    bool checking_disabled;
};

void put_cache_key(std::string& key, std::string_view lower_name, const CacheKind& kind) {
    key.assign(lower_name);
    for (const auto word : {kind.type, kind.klass}) {
        key += static_cast<char>(word >> 8U);
        key += static_cast<char>(word);
    }
    key += static_cast<char>((kind.dnssec_ok ? 1 : 0) + (kind.checking_disabled ? 2 : 0));
}

/// Where the times to live are in a message that we have encoded ourselves; the OPT has none.
std::vector<std::uint16_t> ttl_places(std::string_view wire) {
    std::vector<std::uint16_t> places;
    const auto bytes = as_bytes(wire);
    std::size_t at = limits::kHeaderBytes;
    (void)Name::read(bytes, at);
    at += 4;
    while (at < wire.size()) {
        (void)Name::read(bytes, at);
        places.push_back(static_cast<std::uint16_t>(at + 4));
        at += 10 + static_cast<std::size_t>(bytes[at + 8] << 8U | bytes[at + 9]);
    }
    return places;
}

} // namespace

Cache::Cache(CacheConfig config) : config_(std::move(config)) {
}

std::uint32_t Cache::left_s(const Entry& entry, TimePoint now) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - entry.stored).count();
    return age >= static_cast<std::int64_t>(entry.ttl_s)
               ? 0
               : entry.ttl_s - static_cast<std::uint32_t>(age);
}

Cache::Entry* Cache::lookup(const std::string& key, TimePoint now, bool& denial) {
    for (auto* table : {&denial_, &positive_}) {
        const auto found = table->find(key);
        if (found == table->end()) {
            continue;
        }
        denial = table == &denial_;
        auto& entry = found->second;
        const auto end = entry.stored + std::chrono::seconds(entry.ttl_s);
        // A stale SERVFAIL helps nobody.
        const bool stale = config_.serve_stale && entry.rcode != Rcode::ServFail &&
                           now < end + *config_.serve_stale;
        if (now < end || stale) {
            return &entry;
        }
        table->erase(found);
    }
    return nullptr;
}

bool Cache::wants_refresh(Entry& entry, TimePoint now) const {
    const auto left = left_s(entry, now);
    if (now - entry.window > config_.prefetch_window) {
        entry.window = now;
        entry.recent = 0;
    }
    ++entry.recent;
    const bool popular = config_.prefetch > 0 && entry.recent >= config_.prefetch &&
                         left * 100ULL <= std::uint64_t{entry.ttl_s} * config_.prefetch_percent;
    if (entry.refreshing || (left > 0 && !popular)) {
        return false;
    }
    entry.refreshing = true;
    return true;
}

Cache::Hit Cache::answer(
    const QueryView& query, TimePoint now, std::span<std::uint8_t> out, std::size_t limit) {
    constexpr std::size_t kCounts = 6; // answers, authority, additional in the header
    Hit hit;
    put_cache_key(
        key_,
        query.name_from(0),
        {query.type, query.klass, query.dnssec_ok, (query.flags & flag::kCheckingDisabled) != 0});
    auto* entry = lookup(key_, now, hit.denial);
    if (entry == nullptr) {
        return hit;
    }
    const auto head = query.question_end;
    const auto body = entry->wire.size() - head;
    ResponseWriter writer(query, out, limit);
    if (body > writer.room()) {
        return hit;
    }
    const auto ttl = left_s(*entry, now);
    const auto start = writer.size();
    writer.answers(std::string_view(entry->wire).substr(head), 0);
    for (const std::size_t at : entry->ttl_at) {
        auto* bytes = out.data() + start + (at - head);
        bytes[0] = static_cast<std::uint8_t>(ttl >> 24U);
        bytes[1] = static_cast<std::uint8_t>(ttl >> 16U);
        bytes[2] = static_cast<std::uint8_t>(ttl >> 8U);
        bytes[3] = static_cast<std::uint8_t>(ttl);
    }
    std::memcpy(out.data() + kCounts, entry->wire.data() + kCounts, kCounts);
    writer.set_flags(flag::kAuthoritative | flag::kRecursionAvailable);
    hit.rcode = entry->rcode;
    hit.size = writer.finish(entry->rcode);
    ++entry->hits;
    hit.refresh = wants_refresh(*entry, now);
    return hit;
}

std::optional<Message>
Cache::find(const Question& question, bool dnssec_ok, bool checking_disabled, TimePoint now) {
    bool denial = false;
    put_cache_key(
        key_,
        question.name.lower().wire(),
        {question.type, question.klass, dnssec_ok, checking_disabled});
    auto* entry = lookup(key_, now, denial);
    auto message = entry == nullptr ? std::nullopt : decode(as_bytes(entry->wire));
    if (!message) {
        return std::nullopt;
    }
    const auto ttl = left_s(*entry, now);
    for (auto* section : {&message->answers, &message->authority, &message->additional}) {
        for (auto& record : *section) {
            record.ttl = ttl;
        }
    }
    message->rcode = entry->rcode;
    message->flags |= flag::kAuthoritative;
    ++entry->hits;
    return message;
}

void Cache::store(Message& response, bool dnssec_ok, bool checking_disabled, TimePoint now) {
    const bool failure = response.rcode == Rcode::ServFail;
    const bool good = response.rcode == Rcode::NoError || response.rcode == Rcode::NxDomain;
    if (!response.question || response.has(flag::kTruncated) || (!good && !failure)) {
        return;
    }
    const auto ttl = failure ? std::optional(config_.servfail_ttl_s) : cache_ttl(response);
    const bool denial =
        failure || response.rcode == Rcode::NxDomain ||
        std::none_of(response.answers.begin(), response.answers.end(), [&](const auto& r) {
            return r.type == response.question->type;
        });
    if (!ttl || (failure && *ttl == 0)) {
        return;
    }
    Entry entry;
    entry.ttl_s = failure ? *ttl
                  : denial
                      ? std::min(std::max(*ttl, config_.denial_ttl_min_s), config_.denial_ttl_s)
                      : std::min(std::max(*ttl, config_.success_ttl_min_s), config_.success_ttl_s);
    for (auto* section : {&response.answers, &response.authority, &response.additional}) {
        for (auto& record : *section) {
            record.ttl = entry.ttl_s;
        }
    }
    auto kept = response;
    kept.edns.reset();
    entry.wire = encode(kept);
    entry.ttl_at = ttl_places(entry.wire);
    entry.question = *response.question;
    entry.rcode = response.rcode;
    entry.stored = entry.window = now;
    std::string key;
    put_cache_key(
        key,
        entry.question.name.lower().wire(),
        {entry.question.type, entry.question.klass, dnssec_ok, checking_disabled});
    // A failure does not drive out an answer that may still be given.
    const auto old = positive_.find(key);
    const auto stale = config_.serve_stale.value_or(std::chrono::seconds(0));
    if (failure && old != positive_.end() &&
        now < old->second.stored + std::chrono::seconds(old->second.ttl_s) + stale) {
        old->second.refreshing = false;
        return;
    }
    positive_.erase(key);
    denial_.erase(key);
    auto& table = denial ? denial_ : positive_;
    const auto most = denial ? config_.denial_max : config_.success_max;
    if (most == 0) {
        return;
    }
    evict(table, most - 1);
    table.emplace(std::move(key), std::move(entry));
}

void Cache::evict(Table& table, std::size_t most) {
    static thread_local std::minstd_rand random{1};
    while (table.size() > most) {
        auto bucket = random() % table.bucket_count();
        while (table.bucket_size(bucket) == 0) {
            bucket = (bucket + 1) % table.bucket_count();
        }
        table.erase(table.find(table.begin(bucket)->first));
    }
}

void Cache::clear() {
    positive_.clear();
    denial_.clear();
}

std::vector<Cache::Line> Cache::lines(TimePoint now) const {
    std::vector<Line> lines;
    for (const auto* table : {&positive_, &denial_}) {
        for (const auto& [key, entry] : *table) {
            const auto end = entry.stored + std::chrono::seconds(entry.ttl_s);
            lines.push_back(
                {entry.question,
                 entry.rcode,
                 std::chrono::duration_cast<std::chrono::seconds>(end - now).count(),
                 entry.hits});
        }
    }
    return lines;
}

} // namespace dns
