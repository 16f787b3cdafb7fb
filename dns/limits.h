#pragma once

#include <cstddef>
#include <cstdint>

/// Every named limit of the room: on messages, queues, chains, caches and times.
namespace dns::limits {

inline constexpr std::size_t kHeaderBytes = 12;        // RFC 1035 section 4.1.1
inline constexpr std::size_t kLabelBytesMax = 63;      // RFC 1035 section 2.3.4
inline constexpr std::size_t kNameBytesMax = 255;      // the same, in wire form
inline constexpr std::size_t kLabelsMax = 127;         // what fits into 255 bytes
inline constexpr std::size_t kPointersMax = 127;       // compression pointers in one name
inline constexpr std::size_t kMessageBytesMax = 65535; // RFC 1035 section 4.2.2
inline constexpr std::size_t kUdpBytesMin = 512;       // RFC 1035 section 4.2.1, RFC 6891
inline constexpr std::size_t kUdpBytesDefault = 1232;  // DNS flag day 2020
inline constexpr std::size_t kUdpQueryBytesMax = 4096; // longer queries are refused as malformed
inline constexpr std::size_t kOptBytes = 11;           // an OPT record without options
inline constexpr std::size_t kRecordsMax = 5000;       // in one decoded message
inline constexpr std::size_t kChainMax = 8;            // CNAMEs that are followed

inline constexpr std::size_t kUdpBatch = 64;            // datagrams per recvmmsg(2)
inline constexpr std::size_t kUdpRoundsMax = 8;         // batches before other sockets get a turn
inline constexpr std::size_t kTcpConnectionsMax = 1024; // per server
inline constexpr std::size_t kTcpPipelineMax = 128;     // unanswered queries per connection
inline constexpr std::size_t kTcpUnsentBytesMax = 1U << 20U;

inline constexpr std::size_t kCorefileBytesMax = 1U << 20U;
inline constexpr std::size_t kUpstreamsMax = 15; // coredns plugin/forward
inline constexpr std::size_t kForwardBytesMax = 65535;
inline constexpr std::uint32_t kSoaTtlMaxS = 300; // coredns plugin/backend_lookup.go
inline constexpr std::uint32_t kVersionTtlS = 28800;
inline constexpr std::uint32_t kAnyTtlS = 8482; // coredns plugin/any

} // namespace dns::limits
