#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "labctl/cli/context.h"
#include "labctl/cli/input.h"

/// Commands about whole labs: each returns the exit status.
namespace labctl::cli {

int run_up(const Context& context);
int run_down(const Context& context);
int run_ls(const Context& context);
int run_status(const Context& context);
int run_events(const Context& context);
int run_dns_events(const Context& context);
int run_drops(const Context& context); // `events --drops`
int run_clean(const Context& context);
int run_doctor(const Context& context);

/// Whether the lab is there. One whose supervisor was just killed is there for a moment longer:
/// then this waits for its end. Throws when it neither answers nor ends within seconds.
bool is_up(const supervisor::LabPaths& paths);

/// Starts a lab that is not up, and returns when its pods are ready or the time is over: those that
/// are not, with the reason. Nothing if it was interrupted; then nothing of it is left. For as long
/// as the caller's InterruptGuard covers it, an interrupt ends the lab.
std::optional<nlohmann::json> start_lab(
    const Context& context,
    const supervisor::LabPaths& paths,
    const LabInput& input,
    std::uint64_t wait_ms);
/// Ends a lab and forgets it, or with `keep_journal` lets it come back. Fine if it is not up. The
/// kernel takes its network apart after that: see wait_for_kernel. Returns whether it was up.
/// Throws if one of its processes, all of which are killed, does not end within seconds.
bool end_lab(const Context& context, const supervisor::LabPaths& paths, bool keep_journal);
/// Waits until the kernel has taken apart the namespaces of labs that have ended; says so if it
/// does not in time.
void wait_for_kernel(const Context& context);
/// Both, and says how long they took.
void take_down(const Context& context, const supervisor::LabPaths& paths, bool keep_journal);

/// Removes a lab's journal, and its state directory unless somebody keeps something there.
void forget_journal(const supervisor::LabPaths& paths);

} // namespace labctl::cli
