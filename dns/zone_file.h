#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dns/corefile.h"
#include "dns/message.h"

namespace dns {

/// A zone from a file in RFC 1035's form (coredns plugin/file): exact names, wildcards (RFC 4592),
/// CNAME chains inside the zone. No delegation, no DNSSEC.
class StaticZone {
public:
    /// Throws netemu::UsageError beginning with "FILE:LINE: ". The zone must have one SOA record.
    StaticZone(const Name& origin, std::string_view text, const std::string& file = "zone");

    [[nodiscard]] const Name& origin() const { return origin_; }
    /// nullopt when the name is in another zone.
    [[nodiscard]] std::optional<Message> answer(const Question& question) const;

private:
    using Set = std::vector<Record>;

    void add(Record record);
    [[nodiscard]] const Set* find(const Name& name, bool& exists) const;
    void negative(Message& response, Rcode rcode) const;

    Name origin_;
    std::unordered_map<std::string, Set> sets_; // by lower wire name
    std::unordered_set<std::string> existing_;  // with the names between them and the origin
    std::optional<Record> soa_;
};

} // namespace dns
