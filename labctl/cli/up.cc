#include <filesystem>
#include <iostream>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "labctl/cli/input.h"
#include "labctl/cli/interrupt_guard.h"
#include "labctl/cli/lab_conform.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/cli/objects.h"
#include "labctl/cli/overview.h"
#include "labctl/supervisor/launch.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

using netemu::Clock;
using netemu::micros_since;
using nlohmann::json;
using supervisor::LabPaths;

/// An error that came as text over the keeper's pipe or as a Status over the control connection.
class StartError : public netemu::Error {
public:
    StartError(int exit_status, std::string message, std::string hint)
        : Error(std::move(message), std::move(hint)), exit_status_(exit_status) {}
    [[nodiscard]] netemu::ExitCode exit_code() const noexcept override {
        return static_cast<netemu::ExitCode>(exit_status_);
    }

private:
    int exit_status_;
};

/// What keeper or supervisor said before they ended; nothing if they said nothing.
std::optional<StartError> early_error(const supervisor::LaunchedLab& launched) {
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto size = ::read(launched.errors.get(), buffer.data(), buffer.size());
        if (size <= 0) {
            break;
        }
        text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    const auto lines = netemu::split(text, '\n');
    if (lines.size() < 3) {
        return std::nullopt;
    }
    return StartError(
        std::stoi(std::string(lines[0])), std::string(lines[1]), std::string(lines[2]));
}

/// Streams the build. Returns the pods that are not ready in the end, with the reason.
json build(const Context& context, Client& client, const LabInput& input, std::uint64_t wait_ms) {
    json pending;
    std::optional<StartError> failed;
    client.stream(
        "POST",
        "/apis/labctl.dev/v1/start",
        {{"lab", object_entry(input.lab)},
         {"objects", object_entries(input.objects)},
         {"resume", input.resume},
         {"waitMs", wait_ms}},
        [&](const json& line) {
            if (line.contains("step")) {
                context.console().step(line["step"], line["micros"]);
            } else if (line.contains("error")) {
                const auto& status = line["error"];
                failed.emplace(
                    status["details"].value("exitCode", 5),
                    status.value("message", ""),
                    status["details"].value("hint", ""));
            } else if (line.contains("pending")) {
                pending = line["pending"];
            }
            return true;
        });
    if (failed) {
        throw StartError(*failed);
    }
    return pending;
}

int report_pending(const Context& context, const json& pending) {
    constexpr std::size_t kShownMax = 10;
    std::size_t shown = 0;
    for (const auto& [pod, reason] : pending.items()) {
        if (++shown <= kShownMax) {
            context.console().warn(pod + " is not ready: " + reason.get<std::string>());
        }
    }
    if (shown > kShownMax) {
        context.console().warn("and " + std::to_string(shown - kShownMax) + " more");
    }
    return shown == 0 ? 0 : static_cast<int>(netemu::ExitCode::CheckFailed);
}

/// The lab runs already: bring it to what the input says.
int apply_to_running(const Context& context, const LabPaths& paths, const LabInput& input) {
    auto client = Client::connect(paths.socket);
    const auto running = running_lab(client);
    auto wanted = input.has_lab ? input.lab : running;
    override_lab(context.options(), wanted);
    const auto change = change_of_lab(running, wanted);
    if (input.objects.empty()) {
        if (change) {
            conform_lab(context, client, *change);
        }
        const auto report = client.request("POST", "/apis/labctl.dev/v1/repair", json::object());
        context.console().step(
            "lab '" + paths.name + "' is up already; " +
                (report.at("operations").empty() ? "the kernel is as the objects say"
                                                 : "what was changed by hand is put right"),
            report.at("elapsedMicros"));
        return 0;
    }
    context.console().progress(
        "lab '" + paths.name + "' is up already: applying the manifests to it");
    const int status = apply_objects(context, client, input.objects, false);
    if (change) {
        conform_lab(context, client, *change);
    }
    const auto repaired = client.request("POST", "/apis/labctl.dev/v1/repair", json::object());
    if (!repaired.at("operations").empty()) {
        context.console().step(
            "what was changed by hand is put right", repaired.at("elapsedMicros"));
    }
    return status;
}

int bring_up(
    const Context& context, const LabPaths& paths, const LabInput& input, Clock::time_point start) {
    const auto wait = netemu::parse_duration_us(context.options().wait);
    if (!wait) {
        throw netemu::UsageError(
            "--wait '" + context.options().wait + "' is not a duration", "30s, 2m, 500ms");
    }
    InterruptGuard guard;
    const auto pending = start_lab(context, paths, input, *wait / 1000);
    if (!pending) {
        return static_cast<int>(netemu::ExitCode::Interrupted);
    }
    InterruptGuard::lets_go();
    auto client = Client::connect(paths.socket);
    print_overview(context, client, paths, micros_since(start));
    return report_pending(context, *pending);
}

} // namespace

std::optional<json> start_lab(
    const Context& context, const LabPaths& paths, const LabInput& input, std::uint64_t wait_ms) {
    const bool is_new = !std::filesystem::exists(paths.journal);
    auto launched = supervisor::launch(paths, context.options().verbosity);
    InterruptGuard::covers(launched.keeper);
    try {
        Client client(std::move(launched.connection));
        return build(context, client, input, wait_ms);
    } catch (const netemu::Error&) {
        const bool ours = supervisor::abort_launch(paths, launched);
        if (is_new && ours) {
            forget_journal(paths); // that of an earlier life stays
        }
        if (InterruptGuard::interrupted()) {
            context.console().progress("interrupted; nothing of lab '" + paths.name + "' is left");
            return std::nullopt;
        }
        if (const auto error = early_error(launched)) {
            throw StartError(*error);
        }
        throw;
    }
}

int run_up(const Context& context) {
    const auto start = Clock::now();
    const auto input = read_lab_input(context);
    if (context.options().dry_run) {
        return print_plan(context, input);
    }
    const auto paths = LabPaths::of(input.lab.name());
    if (is_up(paths)) {
        return apply_to_running(context, paths, input);
    }
    supervisor::remove_run_files(paths); // of a lab whose keeper was killed
    return bring_up(context, paths, input, start);
}

} // namespace labctl::cli
