#include <array>

#include "labctl/compile/bgp_speakers.h"

/// The text that BIRD reads. Names of protocols are Calico's where it has them.
namespace labctl::compile {

namespace {

using netemu::Family;
using netemu::IpAddress;
using netemu::IpPrefix;

struct FamilyWords {
    Family family;
    const char* channel;
    const char* suffix;
};

constexpr std::array<FamilyWords, 2> kFamilies{
    {{Family::V4, "ipv4", "4"}, {Family::V6, "ipv6", "6"}}};

std::string static_protocol(
    const std::string& name, const FamilyWords& words, const std::vector<IpPrefix>& prefixes) {
    std::string routes;
    for (const auto& prefix : prefixes) {
        if (prefix.address.family() == words.family) {
            routes += "  route " + prefix.to_string() + " blackhole;\n";
        }
    }
    return "protocol static " + name + words.suffix + " {\n  " + words.channel + ";\n" + routes +
           "}\n";
}

/// What is learned goes to the kernel; of what is announced only the pods' ranges, and these only
/// where no bridge has them.
std::string kernel_protocol(const BgpSpeaker& speaker, const FamilyWords& words) {
    const std::string own =
        speaker.blackholes ? std::string(" || proto = \"pods") + words.suffix + "\"" : "";
    return std::string("protocol kernel kernel") + words.suffix +
           " {\n  scan time 10;\n  merge paths on limit 255;\n  " + words.channel +
           " {\n    import none;\n    export where source = RTS_BGP" + own + ";\n  };\n}\n";
}

/// The table by which next hops are looked up, where there is a tunnel: BIRD's own routes to the
/// nodes say which device, and with IP in IP that the gateway is beyond it.
std::string ways_table(const BgpSpeaker& speaker, const FamilyWords& words) {
    std::string routes;
    for (const auto& way : speaker.ways) {
        if (way.destination.address.family() != words.family) {
            continue;
        }
        routes += "  route " + way.destination.to_string();
        const auto via = [](const IpAddress& gateway, const std::string& link) {
            return " via " + gateway.to_string() + "%'" + link + "'";
        };
        routes += way.gateway ? via(*way.gateway, way.link) : " via \"" + way.link + "\"";
        routes += way.onlink ? " onlink" : "";
        for (const auto& more : way.more) {
            routes += via(more.gateway, more.link);
        }
        routes += ";\n";
    }
    const std::string table = std::string("nodes") + words.suffix;
    return std::string(words.channel) + " table " + table + ";\nprotocol static ways" +
           words.suffix + " {\n  " + words.channel + " {\n    table " + table + ";\n  };\n" +
           routes + "}\n";
}

std::string
bgp_protocol(const BgpSpeaker& speaker, const BgpSession& session, const FamilyWords& words) {
    const std::string pods = std::string("proto = \"pods") + words.suffix + "\"";
    const std::string services = std::string("proto = \"services") + words.suffix + "\"";
    const bool inside = session.as_number == speaker.as_number;
    std::string announced = speaker.pods.empty() ? "none" : "where " + pods;
    if (!speaker.pods.empty() && (!inside || speaker.services_inside)) {
        announced += " || " + services;
    }
    if (speaker.transit) {
        announced = "where source = RTS_BGP";
    } else if (inside && speaker.reflects) {
        announced += " || source = RTS_BGP";
    }
    // Nodes do not know the way to the router beyond their own.
    const std::string self = inside && speaker.transit ? "    next hop self ebgp;\n" : "";
    const std::string resolved =
        inside && !speaker.tunnel.empty()
            ? std::string("    gateway recursive;\n    igp table nodes") + words.suffix + ";\n"
            : "";
    return "protocol bgp " + session.protocol + " from session {\n  description \"" + session.peer +
           "\";\n  local " + session.local.to_string() + " as " +
           std::to_string(speaker.as_number) + ";\n  neighbor " + session.address.to_string() +
           " as " + std::to_string(session.as_number) + ";\n" +
           (session.client ? "  rr client;\n" : "") + (session.passive ? "  passive;\n" : "") +
           (session.disabled ? "  disabled;\n" : "") + (session.multihop ? "  multihop;\n" : "") +
           "  " + words.channel + " {\n" + self + resolved + "    import all;\n    export " +
           announced + ";\n  };\n}\n";
}

} // namespace

std::string bird_configuration(const BgpSpeaker& speaker) {
    std::string text = "# Written by labctl; changes are overwritten.\n"
                       "log stderr all;\n"
                       "timeformat protocol \"%s\";\n"
                       "timeformat route \"%s\";\n"
                       "router id " +
                       speaker.router_id.to_string() +
                       ";\n"
                       "protocol device {\n  scan time 10;\n}\n";
    for (const auto& words : kFamilies) {
        if (!speaker.tunnel.empty()) {
            text += ways_table(speaker, words);
        }
        text += static_protocol("pods", words, speaker.pods);
        text += static_protocol("services", words, speaker.services);
        text += kernel_protocol(speaker, words);
    }
    // BIRD's own: 5 s to the first try, 120 s to the next, 60 s after an error, 240 s of silence.
    text += "template bgp session {\n"
            "  direct;\n"
            "  connect delay time 1;\n"
            "  connect retry time 1;\n"
            "  error wait time 1, 2;\n"
            "  error forget time 10;\n"
            "  hold time 9;\n"
            "  keepalive time 3;\n"
            "  graceful restart off;\n"
            "  long lived graceful restart off;\n"
            "  debug { states };\n"
            "}\n";
    for (const auto& session : speaker.sessions) {
        text += bgp_protocol(
            speaker, session, session.address.is_v4() ? kFamilies.front() : kFamilies.back());
    }
    return text;
}

} // namespace labctl::compile
