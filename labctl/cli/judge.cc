#include <thread>

#include "labctl/check/during.h"
#include "labctl/cli/lab_world.h"

namespace labctl::cli {

check::Report judge(
    const Context& context,
    Client& client,
    const std::vector<check::Assertion>& assertions,
    bool fail_fast) {
    check::Hooks hooks;
    hooks.world = [&] { return world_of(client); };
    hooks.run = [&](const probe::RequestList& requests) { return run_probes(client, requests); };
    hooks.now = [] { return netemu::Clock::now(); };
    // The lab is another process: between two rounds there is nothing here to wait for but time.
    hooks.wait_until = [](netemu::Clock::time_point time) { std::this_thread::sleep_until(time); };
    hooks.why_allowed = [&](const std::string& from, const std::string& to) {
        return why_allowed(client, from, to);
    };
    check::FaultHooks faults;
    faults.inject = [&](const std::string& fault, const std::string& ns) {
        context.console().progress("fault: " + fault);
        try {
            const auto active = client.request(
                "POST", "/apis/labctl.dev/v1/faults", {{"fault", fault}, {"namespace", ns}});
            return active.at("id").get<std::string>();
        } catch (const RemoteError& error) {
            if (error.exit_code() == netemu::ExitCode::Usage) {
                throw netemu::UsageError(error.what(), error.hint()); // the check's own mistake
            }
            throw;
        }
    };
    faults.heal = [&](const std::string& id) {
        try {
            client.request("POST", "/apis/labctl.dev/v1/heal", {{"id", id}});
        } catch (const RemoteError& error) { // it had an end of its own, or its pod is gone
            context.console().warn(error.what());
        }
    };
    check::Options options;
    options.fail_fast = fail_fast;
    return check::evaluate_with_faults(assertions, hooks, faults, options);
}

} // namespace labctl::cli
