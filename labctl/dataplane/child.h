#pragma once

namespace labctl::dataplane {

/// The first argument with which the binary starts itself as the data plane: `labctl __dataplane
/// VERBOSITY`.
inline constexpr const char* kChildCommand = "__dataplane";

/// Descriptors that the supervisor leaves open in the child.
inline constexpr int kWorkloadChannelFd = 3;
inline constexpr int kProbeChannelFd = 4;

/// The whole life of the data-plane process. Gives up every privilege (ids, capabilities, new
/// privileges, most system calls), then serves workloads on this thread and probes on a second one;
/// the two share nothing. Ends when the supervisor closes a channel or dies. Returns the exit
/// status; call it first thing in `main`.
int run_data_plane(int verbosity);

/// `run_data_plane` with the verbosity of the command line, which starts with kChildCommand.
int data_plane_main(int argc, char** argv);

} // namespace labctl::dataplane
