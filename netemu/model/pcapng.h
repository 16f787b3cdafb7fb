#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "netemu/model/packet.h"

/// The pcapng file format (draft-ietf-opsawg-pcapng): one section, an interface for each place. The
/// functions return the bytes of blocks, in this host's byte order; written one after the other
/// they are a file, which may end behind any block.
namespace netemu {

/// What the head of a file says of itself. All UTF-8; an empty text is left out.
struct PcapngSection {
    std::string hardware{};
    std::string os{};
    std::string application{};
    std::string comment{};
};

/// How an interface did, for the end of the file.
struct PcapngStatistics {
    std::size_t place = 0;
    std::uint64_t time_ns = 0;
    std::uint64_t received = 0; // by the interface while it was watched
    std::uint64_t dropped = 0;  // by the kernel, for lack of room
};

/// The section header and an interface description for each place, numbered in order, with times in
/// nanoseconds.
std::string pcapng_head(const PcapngSection& section, const std::vector<CapturePlace>& places);

/// A name resolution block: readers such as Wireshark then show these names for the addresses, if
/// they are asked to (View, Name Resolution). Empty for no names. Of a name that is too long for a
/// record nothing is written.
std::string pcapng_names(const std::vector<std::pair<IpAddress, std::string>>& names);

/// An enhanced packet block, with direction and reception type in its flags. `comment` may be
/// empty.
std::string pcapng_packet(const CapturedPacket& packet, const std::string& comment = {});

/// An interface statistics block.
std::string pcapng_statistics(const PcapngStatistics& statistics);

} // namespace netemu
