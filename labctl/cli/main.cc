#include <array>
#include <csignal>
#include <iostream>
#include <optional>
#include <string_view>

#include <malloc.h>

#include "labctl/cli/cni_plugin.h"
#include "labctl/cli/context.h"
#include "labctl/cli/inside.h"
#include "labctl/cli/kubectl.h"
#include "labctl/cli/learn.h"
#include "labctl/cli/lifecycle.h"
#include "labctl/cli/objects.h"
#include "labctl/cli/options.h"
#include "labctl/cli/policies.h"
#include "labctl/cli/traffic.h"
#include "labctl/cli/verdicts.h"
#include "labctl/dataplane/child.h"
#include "labctl/stream/stream_process.h"
#include "labctl/supervisor/launch.h"
#include "labctl/supervisor/sandbox.h"
#include "labctl/supervisor/supervisor.h"
#include "netemu/base/log.h"

namespace labctl::cli {

namespace {

struct Command {
    std::string_view name;
    int (*run)(const Context&);
    /// It changes or judges labs, so it goes on when nobody reads what it says any more. Others
    /// only look, and end then.
    bool to_the_end = false;
};

constexpr std::array kCommands{
    Command{"up", run_up, true},
    Command{"down", run_down, true},
    Command{"ls", run_ls},
    Command{"status", run_status},
    Command{"events", run_events},
    Command{"clean", run_clean, true},
    Command{"doctor", run_doctor},
    Command{"version", run_version},
    Command{"completion", run_completion},
    Command{"apply", run_apply, true},
    Command{"delete", run_delete, true},
    Command{"get", run_get},
    Command{"describe", run_describe},
    Command{"scale", run_scale, true},
    Command{"label", run_label, true},
    Command{"set", run_set, true},
    Command{"logs", run_logs},
    Command{"exec", run_exec},
    Command{"shell", run_shell},
    Command{"kubectl", run_kubectl},
    Command{"proxy", run_proxy},
    Command{"capture", run_capture},
    Command{"fault", run_fault, true},
    Command{"probe", run_probe},
    Command{"check", run_check, true},
    Command{"explain", run_explain},
    Command{"plan", run_plan},
    Command{"lint", run_lint},
    Command{"graph", run_graph},
    Command{"matrix", run_matrix},
    Command{"diff", run_diff},
    Command{"challenge", run_challenge, true},
    Command{"quiz", run_quiz, true},
    Command{"grade", run_grade, true},
    Command{"dev", run_dev, true},
};

/// A closed pipe (`labctl get pods | head`) ends us quietly, as any command, unless there is
/// something to be brought to its end. A handler, and not SIG_IGN, which what we start would
/// inherit.
void expect_closed_pipes(const Command& command) {
    ::signal(SIGPIPE, command.to_the_end ? [](int) {} : SIG_DFL);
}

int run_command(const Context& context) {
    for (const auto& command : kCommands) {
        if (command.name == context.options().command) {
            expect_closed_pipes(command);
            return command.run(context);
        }
    }
    throw netemu::Error("no command '" + context.options().command + "'");
}

int run_user_command(int argc, char** argv) {
    std::optional<Options> options;
    const auto fail = [&](const netemu::Error& error) {
        std::cout.flush();
        print_error(Console(options.value_or(Options())), error);
        return static_cast<int>(error.exit_code());
    };
    try {
        options = parse_command_line(argc, argv);
        if (!options) {
            return static_cast<int>(netemu::ExitCode::Ok);
        }
        netemu::set_log_verbosity(options->verbosity);
        const int status = run_command(Context(*options));
        std::cout.flush();
        return status;
    } catch (const netemu::Error& error) {
        return fail(error);
    } catch (const std::exception& error) {
        return fail(netemu::Error(std::string("internal error: ") + error.what()));
    }
}

/// The other processes of a lab are this same binary; users never call these.
int run_role(std::string_view role, int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 2, argv + argc);
    if (role == "__keeper") {
        return supervisor::run_keeper(arguments);
    }
    if (role == "__supervisor") {
        return supervisor::run_supervisor(arguments);
    }
    if (role == "__sandbox") {
        return supervisor::run_sandbox();
    }
    if (role == "__stream") {
        return stream::run_stream();
    }
    return dataplane::data_plane_main(argc, argv);
}

} // namespace

} // namespace labctl::cli

int main(int argc, char** argv) {
    const std::string_view first = argc > 1 ? argv[1] : "";
    if (argc <= 1 && labctl::cli::is_cni_call()) {
        return labctl::cli::run_cni_plugin();
    }
    if (first.starts_with("__")) {
        return labctl::cli::run_role(first, argc, argv);
    }
    ::signal(SIGPIPE, SIG_DFL); // whatever our parent does about it
    return labctl::cli::run_user_command(argc, argv);
}
