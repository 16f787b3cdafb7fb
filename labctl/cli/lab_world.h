#pragma once

#include <string>
#include <vector>

#include "labctl/check/assertion.h"
#include "labctl/check/record.h"
#include "labctl/check/world.h"
#include "labctl/cli/client.h"
#include "labctl/cli/context.h"
#include "labctl/probe/probe.h"

/// A running lab as the checks see it.
namespace labctl::cli {

check::World world_of(Client& client);
/// Has the lab send them; the results are in the order of the requests.
std::vector<probe::Result> run_probes(Client& client, const probe::RequestList& requests);
/// Which endpoints ("ADDRESS:PORT") the proxies may give what `from` sends to the URL `to`; empty
/// where the lab cannot say.
std::vector<std::string>
endpoints_of(Client& client, const std::string& from, const std::string& to);
/// Why policies let a packet of `from` ("NS/POD", "node/NAME", "external") pass to the URL `to`
/// (tcp://10.244.1.7:80), in one sentence; empty where the lab cannot say.
std::string why_allowed(Client& client, const std::string& from, const std::string& to);

/// Judges assertions in the lab; faults that they name are injected and healed.
check::Report judge(
    const Context& context,
    Client& client,
    const std::vector<check::Assertion>& assertions,
    bool fail_fast);

} // namespace labctl::cli
