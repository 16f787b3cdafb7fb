#include "labctl/dataplane/lookup.h"

#include "labctl/dataplane/wire.h"

namespace labctl::dataplane {

bool Lookup::use_nameservers_of(dns::ResolvConf from) {
    conf = std::move(from);
    servers.clear();
    for (const auto& server : conf.nameservers) {
        const auto address = netemu::IpAddress::parse(server);
        if (address && servers.size() < dns::kNameserversMax) {
            servers.push_back({*address, kDnsPort});
        }
    }
    return !servers.empty();
}

std::string encode_lookup(const Lookup& lookup) {
    WireWriter out;
    out.text(lookup.name).u8(lookup.tcp ? 1 : 0).u8(lookup.trace ? 1 : 0);
    out.texts(lookup.types);
    out.texts(lookup.conf.searches);
    out.texts(lookup.conf.options);
    out.u32(static_cast<std::uint32_t>(lookup.servers.size()));
    for (const auto& server : lookup.servers) {
        out.endpoint(server);
    }
    return out.bytes();
}

Lookup decode_lookup(std::string_view bytes) {
    WireReader in(bytes);
    Lookup lookup;
    lookup.name = in.text();
    lookup.tcp = in.u8() != 0;
    lookup.trace = in.u8() != 0;
    lookup.types = in.texts();
    lookup.conf.searches = in.texts();
    lookup.conf.options = in.texts();
    const auto servers = in.u32();
    if (servers == 0 || servers > dns::kNameserversMax) {
        throw netemu::Error("a look-up with no server, or too many");
    }
    for (std::uint32_t i = 0; i < servers; ++i) {
        lookup.servers.push_back(in.endpoint());
    }
    return lookup;
}

} // namespace labctl::dataplane
