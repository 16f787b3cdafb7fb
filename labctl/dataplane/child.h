#pragma once

namespace labctl::dataplane {

/// The first argument with which the binary starts itself as the data plane: `labctl __dataplane
/// VERBOSITY`.
inline constexpr const char* kChildCommand = "__dataplane";

/// Descriptors that the supervisor leaves open in the child.
inline constexpr int kWorkloadChannelFd = 3;
inline constexpr int kProbeChannelFd = 4; // the first of kProbeThreads
inline constexpr int kTunnelChannelFd = 6;
inline constexpr int kLinkChannelFd = 7;
/// Threads that send probes, each with a channel of its own. Most of a probe's cost is the
/// kernel's, in the sender's context, so one thread would leave the other processors idle.
inline constexpr int kProbeThreads = 2;
static_assert(kTunnelChannelFd == kProbeChannelFd + kProbeThreads);

/// The whole life of the data-plane process. Gives up every privilege (ids, capabilities, new
/// privileges, most system calls), then serves workloads on this thread, and sends probes and
/// carries packets through tunnels and links on others; no two share anything. Ends when the
/// supervisor closes a channel or dies. Returns the exit status; call it first thing in `main`.
int run_data_plane(int verbosity);

/// `run_data_plane` with the verbosity of the command line, which starts with kChildCommand.
int data_plane_main(int argc, char** argv);

} // namespace labctl::dataplane
