#include "dns/corefile.h"

#include <algorithm>
#include <array>

#include "dns/corefile_lexer.h"
#include "dns/corefile_plugins.h"
#include "netemu/base/text.h"

namespace dns {
namespace {

using Reader = void (*)(PluginReader&, ServerBlock&);

void ignore_plugin(PluginReader& /*reader*/, ServerBlock& /*block*/) {
}

template <bool ServerBlock::*Flag>
void set_flag(PluginReader& /*reader*/, ServerBlock& block) {
    block.*Flag = true;
}

void read_health(PluginReader& reader, ServerBlock& block) {
    block.health = reader.argument_or(0, ":8080");
    for (const auto& line : reader.directive().body) {
        if (line.words[0] == "lameduck" && line.words.size() == 2) {
            block.lameduck = reader.duration(line, 1);
        } else {
            reader.fail(line, "unknown option '" + line.words[0] + "'");
        }
    }
}

void read_ready(PluginReader& reader, ServerBlock& block) {
    block.ready = reader.argument_or(0, ":8181");
}

void read_prometheus(PluginReader& reader, ServerBlock& block) {
    block.prometheus = reader.argument_or(0, "localhost:9153");
}

void read_bind(PluginReader& reader, ServerBlock& block) {
    block.bind = reader.directive().arguments;
}

void read_bufsize(PluginReader& reader, ServerBlock& block) {
    constexpr std::uint32_t kLeast = 512;
    constexpr std::uint32_t kMost = 4096;
    const auto size = reader.argument_or(0, "1232");
    block.udp_bytes_max = reader.number(reader.head(), size, kLeast, kMost);
}

struct PluginRow {
    const char* name;
    Reader read;
};

constexpr std::array<PluginRow, 22> kPlugins{{
    {"any", set_flag<&ServerBlock::any>},
    {"autopath", read_autopath},
    {"bind", read_bind},
    {"bufsize", read_bufsize},
    {"cache", read_cache},
    {"cancel", ignore_plugin},
    {"debug", ignore_plugin},
    {"errors", set_flag<&ServerBlock::errors>},
    {"file", read_file_plugin},
    {"forward", read_forward},
    {"health", read_health},
    {"hosts", read_hosts_plugin},
    {"kubernetes", read_kubernetes},
    {"loadbalance", set_flag<&ServerBlock::loadbalance>},
    {"log", set_flag<&ServerBlock::log>},
    {"loop", set_flag<&ServerBlock::loop>},
    {"metadata", ignore_plugin},
    {"prometheus", read_prometheus},
    {"ready", read_ready},
    {"reload", set_flag<&ServerBlock::reload>},
    {"rewrite", read_rewrite},
    {"template", read_template},
}};

void read_plugin(const Directive& directive, ServerBlock& block, const std::string& file) {
    for (const auto& row : kPlugins) {
        if (directive.name == row.name) {
            PluginReader reader(directive, block, file);
            row.read(reader, block);
            return;
        }
    }
    std::vector<std::string> names;
    names.reserve(std::size(kPlugins));
    for (const auto& row : kPlugins) {
        names.emplace_back(row.name);
    }
    const auto near = netemu::nearest(directive.name, names);
    corefile_error(
        file,
        directive.line,
        "unknown plugin '" + directive.name + "'",
        near ? "did you mean '" + *near + "'?" : "known are " + netemu::join(names, ", "));
}

/// "dns://example.org:1053", ".:53", "10.0.0.0/24".
void read_key(const std::string& key, ServerBlock& block, const std::string& file) {
    auto text = key;
    if (text.starts_with("dns://")) {
        text.erase(0, 6);
    }
    const auto colon = text.rfind(':');
    const bool v6 = std::count(text.begin(), text.end(), ':') > 1;
    if (colon != std::string::npos && !v6) {
        constexpr unsigned kPortMax = 65535;
        const auto digits = text.substr(colon + 1);
        const bool number = !digits.empty() && digits.size() <= 5 &&
                            digits.find_first_not_of("0123456789") == std::string::npos;
        const auto port = number ? std::stoul(digits) : 0;
        if (port == 0 || port > kPortMax) {
            corefile_error(file, block.line, "'" + digits + "' is no port");
        }
        block.port = static_cast<std::uint16_t>(port);
        text.erase(colon);
    }
    block.zones.push_back(corefile_zone(text.empty() ? "." : text, file, block.line));
}

/// No zone of a port may be in two blocks.
void check_zones_unique(
    const ServerBlock& block, const std::vector<ServerBlock>& others, const std::string& file) {
    const auto has = [&block](const Name& zone) {
        return std::find(block.zones.begin(), block.zones.end(), zone) != block.zones.end();
    };
    for (const auto& other : others) {
        const auto twice = std::find_if(other.zones.begin(), other.zones.end(), has);
        if (other.port == block.port && twice != other.zones.end()) {
            corefile_error(
                file,
                block.line,
                "zone " + twice->to_string() + " is served twice, first at line " +
                    std::to_string(other.line));
        }
    }
}

} // namespace

bool Fallthrough::covers(const Name& name) const {
    return on && (zones.empty() || std::any_of(zones.begin(), zones.end(), [&](const Name& zone) {
                      return name.is_within(zone);
                  }));
}

std::optional<Name> reverse_zone(const netemu::IpPrefix& range) {
    const auto network = range.network();
    const unsigned step = network.address.is_v4() ? 8 : 4;
    if (network.length % step != 0) {
        return std::nullopt;
    }
    std::string text;
    for (unsigned bit = network.length; bit >= step; bit -= step) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        const unsigned byte = network.address.bytes()[(bit - step) / 8];
        if (step == 8) {
            text += std::to_string(byte) + ".";
        } else {
            const bool upper = (bit - step) % 8 == 0;
            text += kDigits[upper ? byte >> 4U : byte & 15U];
            text += '.';
        }
    }
    return Name::parse(text + (step == 8 ? "in-addr.arpa" : "ip6.arpa"));
}

Name corefile_zone(const std::string& text, const std::string& file, std::size_t line) {
    if (const auto range = netemu::IpPrefix::parse(text)) {
        if (const auto zone = reverse_zone(*range)) {
            return *zone;
        }
        corefile_error(
            file, line, "'" + text + "' does not end at a label", "use a length like /24 or /64");
    }
    const auto name = Name::parse(text);
    if (!name) {
        corefile_error(file, line, "'" + text + "' is no zone");
    }
    return name->lower();
}

Corefile parse_corefile(std::string_view text, const std::string& file) {
    Corefile corefile;
    for (const auto& lexed : lex_corefile(text, file)) {
        ServerBlock block;
        block.line = lexed.line;
        for (const auto& key : lexed.keys) {
            read_key(key, block, file);
        }
        for (const auto& directive : lexed.directives) {
            read_plugin(directive, block, file);
        }
        check_zones_unique(block, corefile.servers, file);
        corefile.servers.push_back(std::move(block));
    }
    return corefile;
}

} // namespace dns
