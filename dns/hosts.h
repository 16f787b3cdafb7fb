#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dns/corefile.h"
#include "dns/message.h"
#include "netemu/base/address.h"

namespace dns {

/// Names from the lines of a hosts(5) file (coredns plugin/hosts). A, AAAA and PTR only.
class HostsTable {
public:
    /// `text` is the content of config.file, which somebody else has read; inline lines are added.
    explicit HostsTable(const HostsConfig& config, std::string_view text = {});

    /// nullopt: not ours, or it falls through. A name that is in our zones but in no line is
    /// SERVFAIL without fallthrough, as there is no SOA for an NXDOMAIN (coredns).
    [[nodiscard]] std::optional<Message> answer(const Question& question) const;
    [[nodiscard]] std::size_t entries() const { return addresses_.size() + names_.size(); }

private:
    void add_line(std::string_view line);
    [[nodiscard]] std::optional<Message> reverse(const Question& question) const;

    HostsConfig config_;
    std::unordered_map<std::string, std::vector<netemu::IpAddress>>
        addresses_;                                            // by lower wire name
    std::unordered_map<std::string, std::vector<Name>> names_; // by reverse name
};

/// The name under in-addr.arpa or ip6.arpa.
Name reverse_name(const netemu::IpAddress& address);

/// An authoritative response to `question` without records.
Message local_response(const Question& question, Rcode rcode = Rcode::NoError);

} // namespace dns
