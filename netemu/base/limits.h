#pragma once

#include <cstddef>
#include <cstdint>

/// Every named limit on input, queues and loops that more than one room shares.
namespace netemu::limits {

inline constexpr std::size_t kNodesMax = 250;
inline constexpr std::size_t kPodsMax = 10000;
inline constexpr std::size_t kInterfaceNameBytesMax = 15;   // IFNAMSIZ - 1
inline constexpr std::size_t kDocumentBytesMax = 3U << 20U; // the API server's request limit
inline constexpr std::size_t kInputBytesMax = 256U << 20U;  // all manifests of one command
inline constexpr std::size_t kYamlDepthMax = 64;
inline constexpr std::size_t kYamlNodesMax = 500000; // per document, aliases expanded
inline constexpr std::size_t kDiagnosticsMax = 200;
inline constexpr std::size_t kProbesMax = 1000000;
inline constexpr std::size_t kProbesInFlightMax = 512;
inline constexpr std::size_t kHttpHeaderBytesMax = 64U << 10U;
inline constexpr std::size_t kHttpBodyBytesMax = 64U << 20U; // control API; workloads cap lower

/// Pods per node up to which neighbours on the same bridge are permanent entries (no ARP). Above it
/// the number of entries would grow with the square, and ARP resolves them as on any node.
inline constexpr std::size_t kPermanentNeighboursPerNodeMax = 128;

} // namespace netemu::limits
