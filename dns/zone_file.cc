#include "dns/zone_file.h"

#include "dns/hosts.h"
#include "dns/limits.h"
#include "dns/rdata.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace dns {
namespace {

/// Logical lines: comments gone, what stands in parentheses joined.
struct ZoneLine {
    std::string text;
    std::size_t number;
};

std::vector<ZoneLine> zone_lines(std::string_view text) {
    std::vector<ZoneLine> lines;
    std::string line;
    std::size_t number = 1;
    std::size_t start = 1;
    int depth = 0;
    bool quoted = false;
    bool comment = false;
    for (const char c : text) {
        if (c == '\n') {
            comment = false;
            ++number;
            if (depth > 0) {
                line += ' ';
                continue;
            }
            lines.push_back({std::move(line), start});
            line.clear();
            start = number;
        } else if (!comment) {
            quoted ^= c == '"';
            comment = c == ';' && !quoted;
            depth += !quoted && c == '(' ? 1 : !quoted && c == ')' ? -1 : 0;
            const bool bracket = !quoted && (c == '(' || c == ')');
            line += comment ? ' ' : bracket ? ' ' : c;
        }
    }
    lines.push_back({std::move(line), start});
    return lines;
}

} // namespace

StaticZone::StaticZone(const Name& origin, std::string_view text, const std::string& file)
    : origin_(origin.lower()) {
    constexpr std::uint32_t kDefaultTtl = 3600;
    Name base = origin_;
    std::uint32_t ttl = kDefaultTtl;
    std::string owner = "@";
    for (const auto& line : zone_lines(text)) {
        const auto fail = [&](const std::string& what) {
            throw netemu::UsageError(file + ":" + std::to_string(line.number) + ": " + what);
        };
        const auto words = record_words(line.text);
        if (words.empty()) {
            continue;
        }
        if (words[0] == "$ORIGIN" && words.size() == 2) {
            const auto name = parse_zone_name(words[1], base);
            base = name ? *name : base;
            continue;
        }
        if (words[0] == "$TTL" && words.size() == 2) {
            const auto micros = netemu::parse_duration_us(words[1]);
            ttl = micros ? static_cast<std::uint32_t>(*micros / 1000000) : ttl;
            continue;
        }
        if (words[0].starts_with('$')) {
            fail("'" + words[0] + "' is not supported");
        }
        const bool same_owner = line.text[0] == ' ' || line.text[0] == '\t';
        owner = same_owner ? owner : words[0];
        auto record = parse_record((same_owner ? owner + " " : "") + line.text, base, ttl);
        if (!record) {
            fail("not a record: '" + std::string(netemu::trim(line.text)) + "'");
        }
        if (!record->owner.is_within(origin_)) {
            fail(record->owner.to_string() + " is not in " + origin_.to_string());
        }
        add(std::move(*record));
    }
    if (!soa_) {
        throw netemu::UsageError(file + ":1: the zone has no SOA record");
    }
}

void StaticZone::add(Record record) {
    if (record.is(Type::Soa)) {
        soa_ = record;
    }
    for (auto name = record.owner.lower();; name = name.without_first(1)) {
        existing_.insert(name.wire());
        if (name.wire().size() <= origin_.wire().size()) {
            break;
        }
    }
    sets_[record.owner.lower().wire()].push_back(std::move(record));
}

const StaticZone::Set* StaticZone::find(const Name& name, bool& exists) const {
    const auto lower = name.lower();
    exists = existing_.contains(lower.wire());
    const auto found = sets_.find(lower.wire());
    if (exists) {
        return found == sets_.end() ? nullptr : &found->second;
    }
    // The wildcard of the closest name that exists (RFC 4592 section 3.3.1).
    for (auto above = lower.without_first(1);; above = above.without_first(1)) {
        if (existing_.contains(above.wire())) {
            const auto wild = sets_.find(std::string("\1*", 2) + above.wire());
            exists = wild != sets_.end();
            return exists ? &wild->second : nullptr;
        }
        if (above.is_root()) {
            return nullptr;
        }
    }
}

void StaticZone::negative(Message& response, Rcode rcode) const {
    response.rcode = rcode;
    response.authority.push_back(*soa_);
}

std::optional<Message> StaticZone::answer(const Question& question) const {
    if (!question.name.is_within(origin_)) {
        return std::nullopt;
    }
    auto response = local_response(question);
    Name name = question.name;
    for (std::size_t step = 0; step < limits::kChainMax; ++step) {
        bool exists = false;
        const auto* set = find(name, exists);
        if (!exists) {
            negative(response, Rcode::NxDomain);
            return response;
        }
        std::optional<Name> target;
        bool any = false;
        for (const auto& record : set != nullptr ? *set : Set{}) {
            const bool alias = record.is(Type::Cname);
            if (record.type == question.type || alias) {
                auto copy = record;
                copy.owner = name; // a wildcard's record, or the case of the question
                response.answers.push_back(std::move(copy));
                any = true;
                target = alias && record.type != question.type ? rdata_target(record) : target;
            }
        }
        if (!any) {
            negative(response, Rcode::NoError);
            return response;
        }
        if (!target || !target->is_within(origin_)) {
            return response;
        }
        name = *target;
    }
    return response;
}

} // namespace dns
