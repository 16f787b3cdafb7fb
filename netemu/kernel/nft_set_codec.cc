#include "netemu/kernel/nft_set_codec.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <random>

#include <arpa/inet.h> // before <linux/in.h>, which gives way to it
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "netemu/base/error.h"
#include "netemu/kernel/nft_set_userdata.h"

namespace netemu {

namespace {

// The numbers of data types that nft(8) stores with a set, six bits for each part of a
// concatenation (its include/datatype.h); the kernel does not look at them.
constexpr unsigned kTypeBits = 6;
constexpr std::size_t kElementsBytesMax = 48U << 10U; // a list of elements is an attribute: 64 KB
constexpr std::size_t kCommentBytesMax = 127;

/// A name that no other set has. The kernel would find one itself for "__map%d", but for that it
/// reads the numbers of all sets that the table has (nf_tables_set_alloc_name): a fifteenth of the
/// time that a thousand Services take. Listings do not show it.
std::string anonymous_name(const char* prefix) {
    static std::atomic<std::uint64_t> next = std::random_device()() * 0x100000000ULL;
    std::array<char, 17> digits{};
    (void)std::snprintf(digits.data(), digits.size(), "%016" PRIx64, next++);
    return prefix + std::string(digits.data());
}

std::uint32_t nft_type_number(NftType type) {
    static constexpr std::array<std::uint32_t, 9> kNumbers{0, 7, 8, 12, 13, 19, 41, 9, 4};
    return kNumbers.at(static_cast<std::size_t>(type));
}

std::uint32_t type_number(const NftKeyType& type) {
    std::uint32_t number = 0;
    for (const NftType part : type) {
        number = number << kTypeBits | nft_type_number(part);
    }
    return number;
}

/// What the kernel takes as the length of a key or of data: only concatenations are padded.
std::size_t value_bytes(const NftKeyType& type) {
    return type.size() == 1 ? nft_bytes(*type.begin()) : nft_padded_bytes(type);
}

/// Address . port and the like, in ranges by part (the kernel's "pipapo" sets).
bool concatenated_ranges(const NftSet& set) {
    return set.interval && set.key.size() > 1;
}

std::uint32_t set_flags(const NftSet& set) {
    std::uint32_t flags = 0;
    const auto add = [&](bool present, std::uint32_t flag) { flags |= present ? flag : 0U; };
    add(set.interval, NFT_SET_INTERVAL);
    add(concatenated_ranges(set), NFT_SET_CONCAT);
    add(set.dynamic, NFT_SET_EVAL);
    add(set.timeout_seconds != 0, NFT_SET_TIMEOUT);
    add(set.verdicts || !set.data.empty(), NFT_SET_MAP);
    return flags;
}

class SetWriter {
public:
    SetWriter(NftProgram& program, NftFamily family, const std::string& table)
        : program_(program), batch_(program.batch()), family_(family), table_(table) {}

    void declare(const NftSet& set, std::uint32_t more_flags, std::uint32_t id) {
        if (set.key.empty() || (set.verdicts && !set.data.empty()) ||
            set.comment.size() > kCommentBytesMax) {
            throw Error("set " + set.name + " has no key, two kinds of data or a long comment");
        }
        constexpr std::uint64_t kMilliseconds = 1000;
        program_.start(NFT_MSG_NEWSET, NLM_F_CREATE, family_);
        batch_.put_text(NFTA_SET_TABLE, table_);
        batch_.put_text(NFTA_SET_NAME, set.name);
        batch_.put_be32(NFTA_SET_FLAGS, set_flags(set) | more_flags);
        batch_.put_be32(NFTA_SET_KEY_TYPE, type_number(set.key));
        batch_.put_be32(NFTA_SET_KEY_LEN, static_cast<std::uint32_t>(value_bytes(set.key)));
        put_data_type(set);
        batch_.put_be32(NFTA_SET_ID, id);
        put_description(set);
        if (set.timeout_seconds != 0) {
            batch_.put_be64(NFTA_SET_TIMEOUT, set.timeout_seconds * kMilliseconds);
        }
        batch_.put(NFTA_SET_USERDATA, set_userdata(set));
    }

    /// Messages of `type` with all elements. `id` is 0 for a set that is there by its name.
    void elements(unsigned type, const NftSet& set, std::uint32_t id) {
        const unsigned flags = type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0U;
        std::size_t next = 0;
        while (next < set.elements.size()) {
            if (id == 0) {
                program_.may_split();
            }
            program_.start(type, flags, family_);
            batch_.put_text(NFTA_SET_ELEM_LIST_TABLE, table_);
            // By its number alone where it has one: the kernel looks for a name first, and through
            // the sets of the whole table.
            if (id != 0) {
                batch_.put_be32(NFTA_SET_ELEM_LIST_SET_ID, id);
            } else {
                batch_.put_text(NFTA_SET_ELEM_LIST_SET, set.name);
            }
            const Batch::Nest list(batch_, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED);
            const std::size_t begin = batch_.bytes().size();
            while (next < set.elements.size() &&
                   batch_.bytes().size() - begin < kElementsBytesMax) {
                element(type, set, set.elements[next]);
                ++next;
            }
        }
    }

private:
    void put_data_type(const NftSet& set) {
        if (set.verdicts) {
            batch_.put_be32(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
            batch_.put_be32(NFTA_SET_DATA_LEN, 0);
        } else if (!set.data.empty()) {
            batch_.put_be32(NFTA_SET_DATA_TYPE, type_number(set.data));
            batch_.put_be32(NFTA_SET_DATA_LEN, static_cast<std::uint32_t>(value_bytes(set.data)));
        }
    }

    void put_description(const NftSet& set) {
        if (set.size == 0 && !concatenated_ranges(set)) {
            return;
        }
        const Batch::Nest description(batch_, NFTA_SET_DESC | NLA_F_NESTED);
        if (set.size != 0) {
            batch_.put_be32(NFTA_SET_DESC_SIZE, set.size);
        }
        if (!concatenated_ranges(set)) {
            return;
        }
        const Batch::Nest fields(batch_, NFTA_SET_DESC_CONCAT | NLA_F_NESTED);
        for (const NftType part : set.key) {
            const Batch::Nest field(batch_, NFTA_LIST_ELEM | NLA_F_NESTED);
            batch_.put_be32(NFTA_SET_FIELD_LEN, static_cast<std::uint32_t>(nft_bytes(part)));
        }
    }

    void element(unsigned type, const NftSet& set, const NftElement& element) {
        const std::size_t bytes = nft_padded_bytes(set.key);
        if (element.key.size() != (element.range ? 2 * bytes : bytes) ||
            (element.range && !set.interval)) {
            throw Error("an element of set " + set.name + " has a key of another type");
        }
        const std::string_view key = element.key;
        const auto first = key.substr(0, bytes);
        const auto last = key.substr(element.range ? bytes : 0);
        const bool adds = type == NFT_MSG_NEWSETELEM;
        if (!set.interval || concatenated_ranges(set)) {
            const Batch::Nest item(batch_, NFTA_LIST_ELEM | NLA_F_NESTED);
            put_key(NFTA_SET_ELEM_KEY, set, first);
            if (set.interval) {
                put_key(NFTA_SET_ELEM_KEY_END, set, last);
            }
            put_value(set, element, adds);
            return;
        }
        {
            const Batch::Nest item(batch_, NFTA_LIST_ELEM | NLA_F_NESTED);
            put_key(NFTA_SET_ELEM_KEY, set, first);
            put_value(set, element, adds);
        }
        std::string behind(last);
        if (increment(behind, value_bytes(set.key))) { // else it has no end
            const Batch::Nest item(batch_, NFTA_LIST_ELEM | NLA_F_NESTED);
            batch_.put_be32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
            put_key(NFTA_SET_ELEM_KEY, set, behind);
        }
    }

    /// Adds one to a number in network byte order; false when it was the last one.
    static bool increment(std::string& number, std::size_t bytes) {
        for (std::size_t i = bytes; i > 0; --i) {
            auto& digit = number[i - 1];
            digit = static_cast<char>(static_cast<std::uint8_t>(digit) + 1U);
            if (digit != '\0') {
                return true;
            }
        }
        return false;
    }

    void put_key(unsigned attribute, const NftSet& set, std::string_view key) {
        const Batch::Nest nest(batch_, attribute | NLA_F_NESTED);
        put_bytes(NFTA_DATA_VALUE, key.substr(0, value_bytes(set.key)));
    }

    void put_value(const NftSet& set, const NftElement& element, bool adds) {
        if (!adds) {
            return;
        }
        if (set.verdicts) {
            const Batch::Nest data(batch_, NFTA_SET_ELEM_DATA | NLA_F_NESTED);
            const Batch::Nest verdict(batch_, NFTA_DATA_VERDICT | NLA_F_NESTED);
            batch_.put_be32(NFTA_VERDICT_CODE, nft_verdict_number(element.verdict));
            if (!element.value.empty()) {
                batch_.put_text(NFTA_VERDICT_CHAIN, element.value);
            }
        } else if (!set.data.empty()) {
            if (element.value.size() != nft_padded_bytes(set.data)) {
                throw Error("an element of map " + set.name + " has data of another type");
            }
            const Batch::Nest data(batch_, NFTA_SET_ELEM_DATA | NLA_F_NESTED);
            put_bytes(
                NFTA_DATA_VALUE, std::string_view(element.value).substr(0, value_bytes(set.data)));
        }
        if (!element.comment.empty()) {
            if (element.comment.size() > kCommentBytesMax) {
                throw Error("the comment of an element is too long: " + element.comment);
            }
            batch_.put(NFTA_SET_ELEM_USERDATA, element_userdata(element.comment));
        }
    }

    void put_bytes(unsigned attribute, std::string_view bytes) {
        batch_.put(attribute, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    }

    NftProgram& program_;
    Batch& batch_;
    NftFamily family_;
    const std::string& table_;
};

/// Without those that lie in others, sorted; neighbours that make one range become one.
std::vector<NftElement> merged_elements(const std::vector<IpPrefix>& prefixes) {
    struct Range {
        IpAddress first;
        IpAddress last;
    };
    std::vector<Range> ranges;
    ranges.reserve(prefixes.size());
    for (const IpPrefix& prefix : prefixes) {
        ranges.push_back({prefix.network().address, prefix.last()});
    }
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
        return a.first != b.first ? a.first < b.first : b.last < a.last;
    });
    std::vector<Range> merged;
    for (const Range& range : ranges) {
        if (merged.empty() || merged.back().last < range.first) {
            const bool adjacent = !merged.empty() && merged.back().last.plus(1) == range.first;
            if (adjacent) {
                merged.back().last = range.last;
            } else {
                merged.push_back(range);
            }
        } else {
            merged.back().last = std::max(merged.back().last, range.last);
        }
    }
    std::vector<NftElement> elements;
    for (const Range& range : merged) {
        NftElement element;
        element.key = NftBytes().address(range.first).address(range.last).str();
        element.range = true;
        elements.push_back(std::move(element));
    }
    return elements;
}

} // namespace

std::uint32_t nft_verdict_number(NftVerdict verdict) {
    const auto number = [&]() -> int {
        switch (verdict) {
        case NftVerdict::Accept:
            return NF_ACCEPT;
        case NftVerdict::Drop:
            return NF_DROP;
        case NftVerdict::Jump:
            return NFT_JUMP;
        case NftVerdict::Goto:
            return NFT_GOTO;
        case NftVerdict::Return:
            return NFT_RETURN;
        case NftVerdict::Continue:
            return NFT_CONTINUE;
        }
        throw Error("unknown verdict");
    };
    return static_cast<std::uint32_t>(number());
}

void put_set(NftProgram& program, NftFamily family, const std::string& table, const NftSet& set) {
    SetWriter(program, family, table).declare(set, 0, program.next_set_id());
}

void put_elements(
    NftProgram& program, NftFamily family, const std::string& table, const NftSet& set) {
    SetWriter(program, family, table).elements(NFT_MSG_NEWSETELEM, set, 0);
}

void put_removed_elements(
    NftProgram& program, NftFamily family, const std::string& table, const NftSet& set) {
    SetWriter(program, family, table).elements(NFT_MSG_DELSETELEM, set, 0);
}

void put_deleted_set(
    NftProgram& program, NftFamily family, const std::string& table, const std::string& name) {
    program.start(NFT_MSG_DELSET, 0, family);
    program.batch().put_text(NFTA_SET_TABLE, table);
    program.batch().put_text(NFTA_SET_NAME, name);
}

AnonymousSet put_anonymous_addresses(
    NftProgram& program,
    NftFamily family,
    const std::string& table,
    const std::vector<IpPrefix>& prefixes) {
    const bool v4 = prefixes.front().address.is_v4();
    NftSet set{anonymous_name("__set"), {v4 ? NftType::Ipv4 : NftType::Ipv6}};
    const bool ranges = std::any_of(prefixes.begin(), prefixes.end(), [](const IpPrefix& each) {
        return each.length != each.address.bits();
    });
    set.interval = ranges;
    if (ranges) {
        set.elements = merged_elements(prefixes);
    } else {
        for (const IpPrefix& prefix : prefixes) {
            set.elements.push_back(nft_member(NftBytes().address(prefix.address)));
        }
    }
    const std::uint32_t id = program.next_set_id();
    SetWriter writer(program, family, table);
    writer.declare(set, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT, id);
    writer.elements(NFT_MSG_NEWSETELEM, set, id);
    return {set.name, id};
}

AnonymousSet put_anonymous_gotos(
    NftProgram& program,
    NftFamily family,
    const std::string& table,
    const std::vector<std::string>& chains) {
    NftSet set{anonymous_name("__map"), {NftType::Number}};
    set.verdicts = true;
    for (std::size_t i = 0; i < chains.size(); ++i) {
        set.elements.push_back(nft_verdict(
            NftBytes().number(static_cast<std::uint32_t>(i)), NftVerdict::Goto, chains[i]));
    }
    const std::uint32_t id = program.next_set_id();
    SetWriter writer(program, family, table);
    writer.declare(set, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT, id);
    writer.elements(NFT_MSG_NEWSETELEM, set, id);
    return {set.name, id};
}

} // namespace netemu
