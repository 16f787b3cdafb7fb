#pragma once

#include <cstddef>

/// What sandbox.cc and sandbox_init.cc agree on. One JSON object per message of a SOCK_SEQPACKET
/// pair: process 1 first says {"warnings": [...]} or {"attempt": "...", "error": errno}; then it
/// takes
/// {"arguments", "environment", "directory"} with one descriptor, for the output, and answers
/// {"status": wait status, "error": "..."} when that command has ended. {"signal": number} is sent
/// on to the command that runs.
namespace labctl::supervisor {

inline constexpr int kSandboxNetnsFd = 3;
inline constexpr int kSandboxConfigurationFd = 4;
inline constexpr int kSandboxChannelFd = 5;
inline constexpr std::size_t kSandboxMessageBytesMax = 192U << 10U;

} // namespace labctl::supervisor
