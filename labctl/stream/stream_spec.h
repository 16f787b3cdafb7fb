#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "labctl/stream/command_peer.h"
#include "labctl/stream/upgrade.h"

/// What the supervisor tells the process that serves one client of a stream.
namespace labctl::stream {

struct StreamSpec {
    Purpose purpose = Purpose::Exec;
    Upgrade upgrade;
    std::string unread; // what the client has sent behind its request already
    std::string pod;    // for people: "default/web-1"

    // Exec and Attach
    CommandStreams streams;
    std::vector<std::string> command;
    std::string hostname;
    std::map<std::string, std::string> environment;

    // Forward over channels
    std::vector<std::uint16_t> ports;
};

std::string to_text(const StreamSpec& spec);
/// Throws netemu::Error for what is none.
StreamSpec parse_stream_spec(const std::string& text);

} // namespace labctl::stream
