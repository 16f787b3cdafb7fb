#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "dns/corefile.h"
#include "dns/message.h"
#include "dns/query.h"
#include "netemu/base/event_loop.h"

namespace dns {

/// Answers that others gave, until they are too old (coredns plugin/cache, RFC 2308). Keyed by
/// name, type, class, DO and CD; what is kept goes out again as bytes, with the time to live
/// counted down, the question in the client's case and AA set as coredns does. One thread.
class Cache {
public:
    using TimePoint = netemu::Clock::time_point;

    explicit Cache(CacheConfig config);

    struct Hit {
        std::size_t size = 0; // 0: not there, or it does not fit and must be asked for as a message
        Rcode rcode = Rcode::NoError;
        bool denial = false;
        bool refresh = false; // worth asking for again now: popular and nearly over, or stale
    };
    /// Writes the answer to `query`, at most `limit` bytes.
    Hit
    answer(const QueryView& query, TimePoint now, std::span<std::uint8_t> out, std::size_t limit);
    /// The same as values.
    std::optional<Message>
    find(const Question& question, bool dnssec_ok, bool checking_disabled, TimePoint now);
    /// Keeps `response` if it may be kept, and clamps its times to live to what the cache gives.
    void store(Message& response, bool dnssec_ok, bool checking_disabled, TimePoint now);
    void clear();

    [[nodiscard]] std::size_t size() const { return positive_.size() + denial_.size(); }

    /// For a viewer: what is kept, with seconds left (negative: stale).
    struct Line {
        Question question;
        Rcode rcode = Rcode::NoError;
        std::int64_t left_s = 0;
        std::uint64_t hits = 0;
    };
    [[nodiscard]] std::vector<Line> lines(TimePoint now) const;

private:
    struct Entry {
        std::string wire; // a message whose owner names point to its question
        std::vector<std::uint16_t> ttl_at;
        Question question;
        Rcode rcode = Rcode::NoError;
        TimePoint stored;
        std::uint32_t ttl_s = 0;
        std::uint64_t hits = 0;
        std::uint32_t recent = 0; // queries since `window`
        TimePoint window;
        bool refreshing = false;
    };
    using Table = std::unordered_map<std::string, Entry>;

    [[nodiscard]] Entry* lookup(const std::string& key, TimePoint now, bool& denial);
    [[nodiscard]] bool wants_refresh(Entry& entry, TimePoint now) const;
    static std::uint32_t left_s(const Entry& entry, TimePoint now);
    static void evict(Table& table, std::size_t most);

    CacheConfig config_;
    Table positive_;
    Table denial_;
    std::string key_; // reused, so that a look-up allocates nothing
};

} // namespace dns
