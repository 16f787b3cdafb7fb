#include <poll.h>

#include "labctl/check/during.h"
#include "labctl/cli/interrupt_guard.h"
#include "labctl/cli/lab_world.h"

namespace labctl::cli {

namespace {

/// The lab is another process: between two rounds there is nothing to wait for but time, and the
/// end of the lab or of our connection to it.
void wait_until(const Client& client, netemu::Clock::time_point time) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - netemu::Clock::now());
    pollfd connection{client.fd(), POLLIN, 0};
    if (left.count() > 0) {
        (void)::poll(&connection, 1, static_cast<int>(left.count()));
    }
}

void heal_fault(const Context& context, const Client& client, const std::string& id) {
    try { // over a connection of its own: an interrupt has cut the other one
        client.another().request("POST", "/apis/labctl.dev/v1/heal", {{"id", id}});
    } catch (const RemoteError& error) { // it had an end of its own, or its pod is gone
        if (!InterruptGuard::interrupted()) {
            context.console().warn(error.what());
        }
    }
}

} // namespace

check::Report judge(
    const Context& context,
    Client& client,
    const std::vector<check::Assertion>& assertions,
    bool fail_fast) {
    check::Hooks hooks;
    hooks.world = [&] { return world_of(client); };
    hooks.run = [&](const probe::RequestList& requests) { return run_probes(client, requests); };
    hooks.now = [] { return netemu::Clock::now(); };
    hooks.wait_until = [&](netemu::Clock::time_point time) { wait_until(client, time); };
    hooks.why_allowed = [&](const std::string& from, const std::string& to) {
        return why_allowed(client, from, to);
    };
    hooks.endpoints = [&](const std::string& from, const std::string& to) {
        return endpoints_of(client, from, to);
    };
    check::FaultHooks faults;
    faults.inject = [&](const std::string& fault, const std::string& ns) {
        context.console().progress("fault: " + fault);
        try {
            const auto active = client.request(
                "POST",
                "/apis/labctl.dev/v1/faults",
                {{"fault", fault}, {"namespace", ns}, {"whileConnected", true}});
            return active.at("id").get<std::string>();
        } catch (const RemoteError& error) {
            if (error.exit_code() == netemu::ExitCode::Usage) {
                throw netemu::UsageError(error.what(), error.hint()); // the check's own mistake
            }
            throw;
        }
    };
    faults.heal = [&](const std::string& id) { heal_fault(context, client, id); };
    check::Options options;
    options.fail_fast = fail_fast;
    return check::evaluate_with_faults(assertions, hooks, faults, options);
}

} // namespace labctl::cli
