#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "netemu/kernel/batch.h"
#include "netemu/kernel/nft_set_codec.h"
#include "netemu/model/nft.h"

namespace netemu {

/// Writes the expressions of one rule, the small instructions of the kernel's nftables machine,
/// into the message that is open in a batch. Values travel in registers of 4 bytes, counted from 0.
class NftExpressions {
public:
    explicit NftExpressions(Batch& batch) : batch_(batch) {}

    enum class Header { Link, Network, Transport };
    void load_payload(Header header, unsigned offset, unsigned length, unsigned to = 0);
    void load_meta(std::uint32_t key, unsigned to = 0);
    void load_ct_state();
    void load_fib_type(bool of_source);
    void load_random(std::uint32_t modulus, unsigned to = 0);
    void load_bytes(std::span<const std::uint8_t> bytes, unsigned to = 0);
    /// Register 0 = (register 0 & mask) ^ flip; both of one length.
    void bitwise(std::span<const std::uint8_t> mask, std::span<const std::uint8_t> flip);
    enum class Compare { Equal, NotEqual, AtLeast, AtMost };
    void compare(Compare how, std::span<const std::uint8_t> bytes);
    void outside(std::span<const std::uint8_t> first, std::span<const std::uint8_t> last);
    /// Looks register 0 and what follows up: ends the rule for what is not (or, inverted, is)
    /// there.
    void lookup(std::string_view set, std::uint32_t id, bool invert = false);
    enum class Result { Verdict, Data };
    void lookup_map(std::string_view map, std::uint32_t id, Result result);
    void verdict(NftVerdict verdict, const std::string& chain);
    void counter();
    void log(const std::string& prefix);
    /// To a group of nfnetlink_log.
    void log(const std::string& prefix, std::uint16_t group, std::uint32_t snaplen);
    /// From register 0.
    void set_meta(std::uint32_t key);
    void write_link_header(unsigned offset, unsigned length);
    void update_set(const std::string& set, std::uint32_t timeout_seconds);
    /// Destination NAT to the address at register 0 and, if `port_at` is not 0, the port there.
    void destination_nat(Family family, unsigned port_at);
    void notrack();
    void masquerade(bool fully_random);
    void redirect(); // to the port at register 0
    void reject(std::uint32_t type, std::uint8_t code);

private:
    Batch& batch_;
};

} // namespace netemu
