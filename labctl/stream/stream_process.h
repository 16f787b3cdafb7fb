#pragma once

#include <cstddef>

#include <sys/types.h>

namespace labctl::stream {

// The descriptors that the process gets.
inline constexpr int kStreamClientFd = 3; // the client's connection, behind the request's head
/// A file in memory: a StreamRecord, and behind kStreamRecordBytes a StreamSpec's text.
inline constexpr int kStreamSpecFd = 4;
/// Exec: a pidfd of the sandbox's process 1. Forward: the pod's network namespace. Attach: a pipe
/// with what the pod's command prints.
inline constexpr int kStreamPlaceFd = 5;

/// What the process leaves behind, however it ends.
struct StreamRecord {
    /// The command that it has started and not reaped yet, as its own pid namespace numbers it. If
    /// the process is killed, that child falls to process 1 of this namespace (not of its own), and
    /// as long as nobody has reaped it the pid namespace of the pod cannot end.
    pid_t command = 0;
};
inline constexpr std::size_t kStreamRecordBytes = 4096; // a page

/// `labctl __stream`: serves one client of exec, attach or port-forward, and returns when it is
/// gone. A process of its own, so that neither a client that does not read nor what it sends can
/// harm the supervisor; it ends with the supervisor, which is process 1 of its pid namespace.
int run_stream();

} // namespace labctl::stream
