#pragma once

#include "labctl/cli/context.h"

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

/// Removes a lab's journal, and its state directory unless somebody keeps something there.
void forget_journal(const supervisor::LabPaths& paths);

} // namespace labctl::cli
