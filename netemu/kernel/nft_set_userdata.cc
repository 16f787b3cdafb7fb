#include "netemu/kernel/nft_set_userdata.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <libnftnl/udata.h>

#include "netemu/base/error.h"

namespace netemu {

namespace {

constexpr std::size_t kUserdataBytesMax = 250; // the kernel's limit is 256

// Numbers of nft(8) 1.0, which never change since they are stored.
constexpr std::uint32_t kVerdict = 1;
constexpr std::uint32_t kPayload = 7;
constexpr std::uint32_t kMeta = 9;
constexpr std::uint32_t kConcatenation = 13;
constexpr std::uint32_t kNumgen = 23;
constexpr std::uint32_t kHostOrder = 1;
constexpr std::uint32_t kNetworkOrder = 2;
constexpr std::uint32_t kAnyModulus = 65536; // the rules say what it is

/// A list of (type, length, value).
class UserData {
public:
    UserData& u32(std::uint8_t type, std::uint32_t value) {
        std::array<std::uint8_t, sizeof value> bytes{};
        std::memcpy(bytes.data(), &value, sizeof value); // nft(8) writes it in the host's order
        return add(type, bytes);
    }
    UserData& text(std::uint8_t type, std::string_view value) {
        std::vector<std::uint8_t> bytes(value.begin(), value.end());
        bytes.push_back(0);
        return add(type, bytes);
    }
    UserData& nest(std::uint8_t type, const UserData& inner) { return add(type, inner.bytes_); }
    std::vector<std::uint8_t> take() { return std::move(bytes_); }

private:
    UserData& add(std::uint8_t type, std::span<const std::uint8_t> value) {
        if (value.size() > kUserdataBytesMax) {
            throw Error("the user data of a set is too long");
        }
        bytes_.push_back(type);
        bytes_.push_back(static_cast<std::uint8_t>(value.size()));
        bytes_.insert(bytes_.end(), value.begin(), value.end());
        return *this;
    }

    std::vector<std::uint8_t> bytes_;
};

/// `payload` of header `protocol`, field `field`.
UserData payload(std::uint32_t protocol, std::uint32_t field) {
    return std::move(
        UserData().u32(0, kPayload).nest(1, UserData().u32(0, protocol).u32(1, field)));
}

UserData meta(std::uint32_t key) {
    return std::move(UserData().u32(0, kMeta).nest(1, UserData().u32(0, key)));
}

/// One part of a `typeof`, as the rules will look it up.
UserData typeof_part(NftType type) {
    constexpr std::uint32_t kTransport = 11;
    constexpr std::uint32_t kIp = 12;
    constexpr std::uint32_t kIp6 = 13;
    constexpr std::uint32_t kL4Protocol = 16;
    constexpr std::uint32_t kMark = 3;
    switch (type) {
    case NftType::Ipv4:
        return payload(kIp, 12);
    case NftType::Ipv6:
        return payload(kIp6, 9);
    case NftType::Port:
        return payload(kTransport, 2);
    case NftType::Protocol:
        return meta(kL4Protocol);
    case NftType::Mark:
        return meta(kMark);
    case NftType::Number:
        return std::move(
            UserData().u32(0, kNumgen).nest(1, UserData().u32(0, 1).u32(1, kAnyModulus).u32(2, 0)));
    case NftType::Interface:
    case NftType::Mac:
    case NftType::None:
        break;
    }
    throw Error("a set with a number has a part that is neither address, protocol nor port");
}

UserData typeof_parts(const NftKeyType& type) {
    if (type.size() == 1) {
        return typeof_part(*type.begin());
    }
    UserData parts;
    std::uint8_t number = 0;
    for (const NftType part : type) {
        parts.nest(number++, typeof_part(part));
    }
    return std::move(UserData().u32(0, kConcatenation).nest(1, parts));
}

std::uint32_t byte_order(const NftKeyType& type) {
    if (type.size() != 1) {
        return 0;
    }
    switch (*type.begin()) {
    case NftType::Mark:
    case NftType::Number:
    case NftType::Interface:
        return kHostOrder;
    default:
        return kNetworkOrder;
    }
}

} // namespace

std::vector<std::uint8_t> set_userdata(const NftSet& set) {
    UserData data;
    data.u32(NFTNL_UDATA_SET_KEYBYTEORDER, byte_order(set.key));
    if (set.verdicts || !set.data.empty()) {
        data.u32(NFTNL_UDATA_SET_DATABYTEORDER, byte_order(set.data));
    }
    const bool counts = std::find(set.key.begin(), set.key.end(), NftType::Number) != set.key.end();
    if (counts) {
        data.nest(NFTNL_UDATA_SET_KEY_TYPEOF, typeof_parts(set.key));
        const auto verdict = std::move(UserData().u32(0, kVerdict).nest(1, {}));
        data.nest(NFTNL_UDATA_SET_DATA_TYPEOF, set.verdicts ? verdict : typeof_parts(set.data));
    }
    if (!set.comment.empty()) {
        data.text(NFTNL_UDATA_SET_COMMENT, set.comment);
    }
    return data.take();
}

std::vector<std::uint8_t> element_userdata(std::string_view comment) {
    static_assert(NFTNL_UDATA_SET_ELEM_COMMENT == 0 && NFTNL_UDATA_RULE_COMMENT == 0);
    return UserData().text(0, comment).take();
}

std::string comment_in(std::span<const std::uint8_t> userdata) {
    while (userdata.size() >= 2 && userdata.size() >= std::size_t{2} + userdata[1]) {
        const auto value = userdata.subspan(2, userdata[1]);
        if (userdata[0] == 0 && !value.empty()) {
            return {value.begin(), value.end() - 1};
        }
        userdata = userdata.subspan(std::size_t{2} + userdata[1]);
    }
    return {};
}

} // namespace netemu
