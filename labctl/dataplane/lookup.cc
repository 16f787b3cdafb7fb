#include "labctl/dataplane/lookup.h"

#include "labctl/dataplane/wire.h"

namespace labctl::dataplane {
namespace {

void write_texts(WireWriter& out, const std::vector<std::string>& texts) {
    out.u32(static_cast<std::uint32_t>(texts.size()));
    for (const auto& text : texts) {
        out.text(text);
    }
}

std::vector<std::string> read_texts(WireReader& in) {
    std::vector<std::string> texts;
    for (auto left = in.u32(); left > 0; --left) {
        texts.emplace_back(in.text());
    }
    return texts;
}

} // namespace

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
    write_texts(out, lookup.types);
    write_texts(out, lookup.conf.searches);
    write_texts(out, lookup.conf.options);
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
    lookup.types = read_texts(in);
    lookup.conf.searches = read_texts(in);
    lookup.conf.options = read_texts(in);
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
