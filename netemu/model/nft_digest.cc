#include <algorithm>
#include <string_view>
#include <type_traits>

#include "netemu/model/nft.h"
#include "netemu/model/observed.h"

namespace netemu {

namespace {

// FNV-1a, 64 bit: against accidents, not against attackers.
class NftHash {
public:
    NftHash& text(std::string_view value) {
        number(value.size());
        return raw(value.data(), value.size());
    }

    template <class Number>
    requires std::is_integral_v<Number> || std::is_enum_v<Number> NftHash& number(Number value) {
        auto wide = static_cast<std::uint64_t>(value); // the same on every machine
        for (std::size_t byte = 0; byte < sizeof(Number); ++byte) {
            step(static_cast<std::uint8_t>(wide));
            wide >>= 8U;
        }
        return *this;
    }

    NftHash& address(const IpAddress& value) {
        number(value.family());
        return raw(value.bytes(), value.size());
    }

    NftHash& prefix(const IpPrefix& value) { return address(value.address).number(value.length); }

    template <class Part>
    NftHash& parts(const NftConcatenation<Part>& value) {
        number(static_cast<std::uint8_t>(value.size()));
        for (const auto part : value) {
            number(part);
        }
        return *this;
    }

    NftHash& raw(const void* data, std::size_t size) {
        const auto* bytes = static_cast<const std::uint8_t*>(data);
        for (std::size_t i = 0; i < size; ++i) {
            step(bytes[i]);
        }
        return *this;
    }

    [[nodiscard]] std::uint64_t value() const { return hash_; }

private:
    void step(std::uint8_t byte) { hash_ = (hash_ ^ byte) * 1099511628211U; }

    std::uint64_t hash_ = 14695981039346656037U;
};

struct StatementHash {
    NftHash& hash;

    void operator()(const NftMatchAddress& it) const {
        hash.number(it.field).prefix(it.prefix).number(it.negate);
    }
    void operator()(const NftMatchAddresses& it) const {
        hash.number(it.field).number(it.negate).number(it.prefixes.size());
        for (const auto& prefix : it.prefixes) {
            hash.prefix(prefix);
        }
    }
    void operator()(const NftMatchInterface& it) const {
        hash.number(it.direction).text(it.name).number(it.negate);
    }
    void operator()(const NftMatchSet& it) const {
        hash.parts(it.key).text(it.set).number(it.negate);
    }
    void operator()(const NftMatchProtocol& it) const {
        hash.number(it.protocol).number(it.negate);
    }
    void operator()(const NftMatchPort& it) const {
        hash.number(it.side).number(it.first).number(it.last).number(it.negate);
    }
    void operator()(const NftMatchMark& it) const {
        hash.number(it.mask).number(it.value).number(it.negate);
    }
    void operator()(const NftMatchCtState& it) const { hash.number(it.states); }
    void operator()(const NftMatchLocal& it) const { hash.number(it.field).number(it.negate); }
    void operator()(const NftMatchEtherType& it) const { hash.number(it.type).number(it.negate); }
    void operator()(const NftMatchIcmp& it) const {
        hash.number(it.family).number(it.first).number(it.last);
    }
    void operator()(const NftCounter&) const {}
    void operator()(const NftLog& it) const {
        hash.text(it.prefix);
        if (it.group) {
            hash.number(*it.group).number(it.snaplen);
        }
    }
    void operator()(const NftTrace&) const {}
    void operator()(const NftNotrack&) const {}
    void operator()(const NftSetMark& it) const { hash.number(it.how).number(it.value); }
    void operator()(const NftUpdateSet& it) const {
        hash.text(it.set).parts(it.key).number(it.timeout_seconds);
    }
    void operator()(const NftSetPacketTypeHost&) const {}
    void operator()(const NftSetEtherDestination& it) const {
        hash.raw(it.mac.bytes.data(), it.mac.bytes.size());
    }
    void operator()(const NftDnat& it) const { hash.address(it.address).number(it.port); }
    void operator()(const NftDnatMap& it) const {
        hash.parts(it.key).number(it.modulus).text(it.map);
    }
    void operator()(const NftMasquerade& it) const { hash.number(it.fully_random); }
    void operator()(const NftRedirect& it) const { hash.number(it.port); }
    void operator()(const NftReject& it) const { hash.number(it.tcp_reset); }
    void operator()(const NftSetVerdict& it) const { hash.number(it.verdict).text(it.chain); }
    void operator()(const NftVerdictMap& it) const {
        hash.parts(it.key).number(it.modulus).text(it.map);
    }
    void operator()(const NftRandomGoto& it) const {
        hash.number(it.chains.size());
        for (const auto& chain : it.chains) {
            hash.text(chain);
        }
    }
};

void feed(NftHash& hash, const NftChain& chain) {
    hash.text(chain.name).number(chain.base.has_value());
    if (chain.base) {
        const auto& base = *chain.base;
        hash.text(base.type).number(base.hook).number(base.priority).number(base.policy);
    }
    hash.number(chain.rules.size());
    for (const auto& rule : chain.rules) {
        hash.text(rule.comment).number(rule.statements.size());
        for (const auto& statement : rule.statements) {
            hash.number(static_cast<std::uint8_t>(statement.index()));
            std::visit(StatementHash{hash}, statement);
        }
    }
}

void feed(NftHash& hash, const std::vector<NftElement>& elements) {
    hash.number(elements.size());
    for (const auto& element : elements) {
        hash.text(element.key).text(element.value).text(element.comment);
        hash.number(element.verdict).number(element.range);
    }
}

void feed(NftHash& hash, const NftSet& set) {
    hash.text(set.name).parts(set.key).parts(set.data).number(set.verdicts).number(set.interval);
    hash.number(set.dynamic).number(set.timeout_seconds).number(set.size).text(set.comment);
    feed(hash, set.elements);
}

void feed(NftHash& hash, const std::vector<NftSet>& sets, const std::vector<NftChain>& chains) {
    hash.number(sets.size());
    for (const auto& set : sets) {
        feed(hash, set);
    }
    hash.number(chains.size());
    for (const auto& chain : chains) {
        feed(hash, chain);
    }
}

std::uint64_t contents_digest(const NftContents& contents) {
    NftHash hash;
    feed(hash, contents.sets, contents.chains);
    for (const auto& list : contents.elements) {
        hash.text(list.set);
        feed(hash, list.elements);
    }
    return hash.value();
}

void count(NftCounts& counts, const std::vector<NftSet>& sets) {
    for (const auto& set : sets) {
        ++counts.sets;
        if (!set.dynamic && set.timeout_seconds == 0) {
            counts.elements += set.elements.size();
        }
    }
}

void count(NftCounts& counts, const std::vector<NftChain>& chains) {
    counts.chains += chains.size();
    for (const auto& chain : chains) {
        counts.rules += chain.rules.size();
    }
}

NftCounts contents_counts(const NftContents& contents) {
    NftCounts counts;
    count(counts, contents.sets);
    count(counts, contents.chains);
    for (const auto& list : contents.elements) {
        counts.elements += list.elements.size();
    }
    return counts;
}

std::string digest_text(std::uint64_t value) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text(16, '0');
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit) {
        *digit = kDigits[value & 0xfU];
        value >>= 4U;
    }
    return text;
}

} // namespace

NftPart::NftPart(NftContents contents)
    : contents_(std::move(contents)), digest_(contents_digest(contents_)),
      counts_(contents_counts(contents_)) {
}

bool NftPart::operator==(const NftPart& other) const {
    return this == &other || (digest_ == other.digest_ && contents_ == other.contents_);
}

bool NftTable::operator==(const NftTable& other) const {
    return family == other.family && name == other.name && chains == other.chains &&
           sets == other.sets &&
           std::equal(
               parts.begin(),
               parts.end(),
               other.parts.begin(),
               other.parts.end(),
               [](const auto& a, const auto& b) { return a == b || *a == *b; });
}

NftCounts& NftCounts::operator+=(const NftCounts& more) {
    chains += more.chains;
    rules += more.rules;
    sets += more.sets;
    elements += more.elements;
    return *this;
}

NftCounts& NftCounts::operator-=(const NftCounts& less) {
    chains -= less.chains;
    rules -= less.rules;
    sets -= less.sets;
    elements -= less.elements;
    return *this;
}

NftParts::NftParts(std::vector<NftPartPtr> parts) : parts_(std::move(parts)) {
    for (const auto& part : parts_) {
        count_in(*part);
    }
}

void NftParts::push_back(NftPartPtr part) {
    count_in(*part);
    parts_.push_back(std::move(part));
}

void NftParts::replace(std::size_t at, NftPartPtr part) {
    count_out(*parts_.at(at));
    count_in(*part);
    parts_[at] = std::move(part);
}

void NftParts::take_out(std::size_t at) {
    count_out(*parts_.at(at));
    if (at + 1 != parts_.size()) {
        parts_[at] = std::move(parts_.back());
    }
    parts_.pop_back();
}

void NftParts::count_in(const NftPart& part) {
    digest_ += part.digest();
    counts_ += part.counts();
}

void NftParts::count_out(const NftPart& part) {
    digest_ -= part.digest();
    counts_ -= part.counts();
}

NftCounts nft_counts(const NftTable& table) {
    auto counts = table.parts.counts();
    count(counts, table.sets);
    count(counts, table.chains);
    return counts;
}

std::string table_digest(const NftTable& table) {
    NftHash hash;
    hash.number(table.family).text(table.name);
    feed(hash, table.sets, table.chains);
    // A sum, so the order of parts does not matter, as it does not in the kernel.
    return digest_text(hash.number(table.parts.digest()).number(table.parts.size()).value());
}

NftIdentity nft_identity(const NftTable& table) {
    return {table_digest(table), nft_counts(table)};
}

} // namespace netemu
