#include <algorithm>
#include <array>
#include <cctype>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "labctl/cli/options.h"
#include "labctl/cli/usage.h"
#include "netemu/base/error.h"

namespace labctl::cli {

namespace {

/// "[where...]" of a few words, as of many, where CLI11 writes "[where(0x)]".
class HelpFormatter : public CLI::Formatter {
public:
    std::string make_option_usage(const CLI::Option* option) const override {
        const auto words =
            make_option_name(option, true) + (option->get_expected_max() > 1 ? "..." : "");
        return option->get_required() ? words : "[" + words + "]";
    }
};

/// The environment form of a flag: --proxy-mode -> LABCTL_PROXY_MODE.
std::string environment_name(std::string flag) {
    std::transform(flag.begin(), flag.end(), flag.begin(), [](unsigned char c) {
        return c == '-' ? '_' : static_cast<char>(std::toupper(c));
    });
    return "LABCTL_" + flag;
}

void add_environment_names(CLI::App& app) {
    for (CLI::Option* option : app.get_options()) {
        const auto names = option->get_lnames();
        const bool action = !names.empty() && (names[0] == "help" || names[0] == "version");
        if (!names.empty() && !action && option->get_envname().empty()) {
            option->envname(environment_name(names[0]));
        }
    }
    for (CLI::App* sub : app.get_subcommands({})) {
        add_environment_names(*sub);
    }
}

void add_global_options(CLI::App& app, Options& o) {
    const auto* const group = "Global options";
    app.add_option("--lab", o.lab, "Lab to work on (default: the only one that runs)")
        ->group(group);
    app.add_option("-n,--namespace", o.ns, "Kubernetes namespace (default: default)")->group(group);
    app.add_flag("-A,--all-namespaces", o.all_namespaces, "All namespaces")->group(group);
    app.add_option(
           "-o,--output", o.output, "Output: table, wide, json, yaml, name; see the command")
        ->group(group);
    app.add_flag("-q,--quiet", o.quiet, "No progress, no hints")->group(group);
    app.add_flag("-v,--verbose", o.verbosity, "More of what happens; repeat for more")
        ->group(group);
    app.add_flag("--no-color", o.no_color, "No colour (NO_COLOR is honoured too)")->group(group);
}

CLI::App* command(CLI::App& app, Options& o, const std::string& name, const std::string& about) {
    auto* sub = app.add_subcommand(name, about);
    sub->fallthrough();
    sub->callback([&o, name] { o.command = name; });
    return sub;
}

void add_files(CLI::App* sub, Options& o, const std::string& about) {
    sub->add_option("-f,--filename", o.files, about)->take_all();
    sub->add_flag("-R,--recursive", o.recursive, "Descend into directories of -f");
    sub->add_flag("--strict", o.strict, "Unknown fields are errors");
}

void add_lifecycle(CLI::App& app, Options& o) {
    auto* up = command(app, o, "up", "Bring a lab up (without arguments: a three-node demo)");
    up->alias("deploy");
    up->add_option("lab", o.arguments, "Lab directory, lab file, or the name of a lab to resume")
        ->expected(0, 1);
    add_files(up, o, "Manifest file, directory or - (repeatable)");
    up->add_option("--name", o.name, "Name of the lab");
    up->add_option("--nodes", o.nodes, "Number of nodes")->check(CLI::Range(1, 250));
    up->add_option("--cni", o.cni, "CNI profile (bridge, calico, cilium, flannel, weave)");
    up->add_option("--encryption", o.encryption, "between nodes: wireguard, none");
    up->add_option(
        "--proxy-mode", o.proxy_mode, "kube-proxy mode: nftables, iptables, ipvs, userspace");
    up->add_option("--wait", o.wait, "How long to wait for all pods to be ready");
    up->add_flag("--dry-run", o.dry_run, "Print the plan and change nothing");
    auto* down = command(app, o, "down", "Take a lab down; fine if it is not up");
    down->alias("destroy");
    down->add_option("lab", o.arguments, "Name of the lab")->expected(0, 1);
    down->add_flag("--all", o.all, "Every lab of this user");
    down->add_flag("--keep", o.keep, "Keep the journal, so that `labctl up NAME` brings it back");
    command(app, o, "ls", "List labs");
    command(app, o, "status", "What runs in the lab");
    auto* events = command(app, o, "events", "What happened in the lab");
    events->add_flag("-w,--watch", o.watch, "Follow");
    events->add_flag("--dns", o.dns, "The queries that the lab's DNS answers, with -w");
    events->add_flag("--drops", o.drops, "The packets that rules have dropped, and whose rules");
    command(app, o, "clean", "Remove what dead labs left behind")
        ->add_flag("--all", o.all, "Forget the journals of labs that are not up, too");
    command(app, o, "doctor", "What this host can do, and the remedy for what it cannot");
    command(app, o, "version", "Print the version");
    command(app, o, "completion", "Print a shell completion script")
        ->add_option("shell", o.arguments, "bash, zsh or fish")
        ->expected(1)
        ->required();
}

void add_objects(CLI::App& app, Options& o) {
    auto* apply = command(app, o, "apply", "Create or change objects");
    add_files(apply, o, "Manifest file, directory or - (repeatable)");
    apply->add_flag("--dry-run", o.dry_run, "Print what would change and change nothing");
    auto* remove = command(app, o, "delete", "Delete objects");
    remove->add_option("what", o.arguments, "KIND NAME..., KIND/NAME...")->expected(0, -1);
    remove->add_option("-l,--selector", o.selector, "Label selector");
    remove->add_option("--field-selector", o.field_selector, "Field selector: FIELD=VALUE,...");
    remove->add_flag("--all", o.all, "All objects of the kind in the namespace");
    remove->add_option("--grace-period", o.grace_period, "Seconds that pods get to end")
        ->check(CLI::Range(std::int64_t{-1}, std::int64_t{86400}));
    remove->add_flag("--now", o.now, "The same as --grace-period=1");
    remove->add_flag("--force", o.force, "With --grace-period=0: end pods at once");
    remove->add_flag("--wait", o.wait_for_end, "Wait until pods are gone (default: true)")
        ->envname("LABCTL_DELETE_WAIT"); // LABCTL_WAIT is a time, of `up`
    add_files(remove, o, "Objects named in this file, directory or -");
    auto* get = command(app, o, "get", "List objects");
    get->add_option("what", o.arguments, "KIND [NAME...], KIND/NAME..., KIND,KIND or all")
        ->expected(1, -1)
        ->required();
    get->add_option("-l,--selector", o.selector, "Label selector");
    get->add_option(
        "--field-selector", o.field_selector, "Field selector: status.phase=Running, ...");
    get->add_option("--sort-by", o.sort_by, "Sort by this field, for example .metadata.name");
    get->add_flag("-w,--watch", o.watch, "Follow changes");
    get->add_flag("--show-labels", o.show_labels, "All labels, in the last column");
    get->add_option("-L,--label-columns", o.label_columns, "A column for each of these labels")
        ->take_all();
    get->add_flag("--no-headers", o.no_headers, "Without the line of titles");
    auto* describe = command(app, o, "describe", "Show one object in detail");
    describe->add_option("what", o.arguments, "KIND NAME or KIND/NAME")
        ->expected(1, -1)
        ->required();
    describe->add_option("-l,--selector", o.selector, "Label selector");
    auto* scale = command(app, o, "scale", "Change the number of replicas");
    scale->add_option("what", o.arguments, "KIND NAME or KIND/NAME")->expected(1, 2)->required();
    scale->add_option("--replicas", o.replicas, "How many")
        ->required()
        ->check(CLI::Range(0, 10000));
    auto* label = command(app, o, "label", "Change labels");
    label->add_option("what", o.arguments, "KIND NAME... KEY=VALUE... KEY-...")
        ->expected(2, -1)
        ->required();
    label->add_option("-l,--selector", o.selector, "All objects of the kind with these labels");
    label->add_flag("--all", o.all, "All objects of the kind in the namespace");
    label->add_flag("--overwrite", o.overwrite, "Change labels that exist");
    command(app, o, "set", "Change a pod's readiness, or the mode of kube-proxy")
        ->add_option("what", o.arguments, "POD ready=true|false|auto, or proxy-mode MODE")
        ->expected(2, 3)
        ->required();
    auto* logs = command(app, o, "logs", "What a pod printed, or which requests it served");
    logs->add_option(
            "pod", o.arguments, "Pod, or KIND/NAME of its workload, or node/NAME: its BIRD")
        ->expected(0, 1);
    logs->add_option("-l,--selector", o.selector, "All pods with these labels, ten lines of each");
    logs->add_flag("--prefix", o.prefix, "The pod's name before each line");
    logs->add_flag("-f,--follow", o.follow, "Follow");
    logs->add_option("--tail", o.tail, "Only the last N lines");
    logs->add_option(
        "-c,--container", o.container, "istio-proxy or linkerd-proxy: the pod's sidecar");
}

void add_inside(CLI::App& app, Options& o) {
    auto* exec = command(app, o, "exec", "Run a command in a pod, a node or the external host");
    exec->add_option(
            "target",
            o.arguments,
            "[NS/]POD, KIND/NAME of a workload, node/NAME or external; then -- COMMAND")
        ->expected(2, -1)
        ->required();
    exec->add_flag("-i,--stdin", o.interactive, "Keep standard input (always so here)");
    exec->add_flag("-t,--tty", o.tty, "Use the terminal (always so here)");
    command(app, o, "shell", "A shell in a pod, a node or the external host")
        ->add_option(
            "target", o.arguments, "[NS/]POD, KIND/NAME of a workload, node/NAME or external")
        ->expected(1)
        ->required();
}

void add_kubectl(CLI::App& app, Options& o) {
    command(app, o, "kubectl", "Run kubectl on the lab: labctl kubectl get pods");
    command(app, o, "proxy", "The lab's API on a port of 127.0.0.1, with a kubeconfig for it")
        ->add_option("--port", o.port, "The port (default: one that is free)")
        ->check(CLI::Range(0, 65535));
}

void add_policies(CLI::App& app, Options& o) {
    auto* matrix = command(app, o, "matrix", "Who reaches whom: a truth table of pods and ports");
    matrix->add_flag("--model", o.model, "From the policies alone (the default)");
    matrix->add_flag("--wire", o.wire, "By real packets: an answer, or the drop by a rule");
    matrix->add_flag("--both", o.both, "By the policies and by packets, which must agree");
    matrix->add_flag("--workloads", o.workloads, "All pods of a workload as one");
    matrix->add_option("--port", o.ports, "80, 80/TCP, 53/UDP (default: what pods declare)")
        ->take_all();
    matrix->add_option("--protocol", o.protocol, "Only TCP, UDP or SCTP");
    matrix->add_option("-l,--selector", o.selector, "Label selector of the pods");
    add_files(matrix, o, "Manifests instead of a running lab (repeatable)");
    auto* diff = command(app, o, "diff", "Every flow whose verdict differs between two inputs");
    diff->add_option("inputs", o.arguments, "OLD NEW: files, directories or lab directories")
        ->expected(2)
        ->required();
    diff->add_flag("-R,--recursive", o.recursive, "Descend into directories");
    diff->add_flag("--strict", o.strict, "Unknown fields are errors");
}

void add_capture(CLI::App& app, Options& o) {
    auto* capture =
        command(app, o, "capture", "Show or save the packets that pass some interfaces");
    capture
        ->add_option(
            "target",
            o.arguments,
            "[NS/]POD, node/NAME, external or underlay, with :INTERFACE (default eth0) or :any")
        ->expected(1, 64)
        ->required();
    capture->add_option("-w,--write", o.write_file, "Write pcapng to this file, or - for a pipe");
    capture->add_option("-c,--count", o.packets, "End after so many packets");
    capture->add_option("--duration", o.duration, "End after this time, for example 5s");
    capture->add_option(
        "--filter",
        o.filter,
        "Only such packets: 'host web-1 and tcp port 80', 'not arp', 'vxlan'");
    capture->add_option("--snaplen", o.snap_bytes, "Keep only the first bytes of each packet")
        ->check(CLI::Range(64, 262144));
}

void add_fault(CLI::App& app, Options& o) {
    auto* fault = command(app, o, "fault", "Break something on purpose, or heal it");
    fault
        ->add_option(
            "what",
            o.arguments,
            "cut TARGET[:INTERFACE], stop node/NODE, drop TARGET, flap POD, bgp node/NODE PEER, "
            "link A B; restore TARGET or A B, start node/NODE, clear ID or TARGET, list")
        ->expected(1, 3)
        ->required();
    fault->add_option("--for", o.heal_after, "Heal by itself after this time, for example 5s");
    fault->add_option("--share", o.share, "drop: how many of the packets, for example 10%");
    fault->add_option("--proto", o.protocol, "drop: only tcp, udp, icmp or sctp");
    fault->add_option("--port", o.port, "drop: only packets from or to this port");
    fault->add_option(
        "--direction", o.direction, "drop, link: only in or out, as the target sees it");
    fault->add_option("--period", o.period, "flap: not ready for half of this time (default 2s)");
    fault->add_option("--count", o.rounds, "flap: so many times (default: until it is cleared)");
    const auto change = [&](const std::string& name, const std::string& help) {
        fault->add_option_function<std::string>(
            "--" + name,
            [&o, name](const std::string& value) { o.link_changes[name] = value; },
            "link: " + help);
    };
    change("delay", "hold every packet back, for example 50ms");
    change("jitter", "more or less of the delay for each packet");
    change("loss", "lose packets, for example 1%");
    change("duplicate", "send packets twice");
    change("reorder", "let packets overtake those that are held back");
    change("corrupt", "turn a bit of packets over");
    change("rate", "at most so much, for example 10mbit");
    change("queue", "so many packets wait at most");
    change("mtu", "the largest packet, in bytes");
    fault->add_flag("--all", o.all, "clear: every fault");
}

void add_verdicts(CLI::App& app, Options& o) {
    auto* probe = command(app, o, "probe", "Send probes and print what came back");
    probe
        ->add_option(
            "where",
            o.arguments,
            "FROM TO, for example default/a tcp://10.244.1.7:80; TO is tcp://, udp://, icmp://, "
            "http://, "
            "https://, grpc://HOST:PORT[/PACKAGE.SERVICE/METHOD], dns:// or sctp://")
        ->expected(0, 2);
    probe->add_option("--file", o.probe_file, "JSON list of probes, or -");
    probe->add_option("--count", o.count, "How many times")->check(CLI::Range(1, 1000000));
    probe->add_option("--concurrency", o.concurrency, "How many at once")
        ->check(CLI::Range(1, 512));
    probe->add_option("--timeout", o.timeout, "For each exchange");
    probe->add_option("--via", o.via, "Node through which `external` enters");
    probe->add_option("-X,--method", o.method, "HTTP method");
    probe->add_option("-H,--header", o.headers, "HTTP header (gRPC: metadata), NAME: VALUE")
        ->take_all();
    probe->add_option("-d,--data", o.data, "HTTP body (gRPC: the message, as protobuf has it)");
    probe
        ->add_option(
            "--cacert", o.cacert, "PEM of who must have signed an https:// server's certificate")
        ->type_name("FILE");
    probe->add_option("--source-port", o.source_port, "Port of the client");
    probe->add_option("--size", o.packet_size, "Bytes of the IP packet, never fragmented (icmp://)")
        ->check(CLI::Range(68, 65535));
    probe->add_flag("--samples", o.samples, "Show every exchange");
    probe->add_flag(
        "--no-evidence", o.no_evidence, "Wait the whole time-out, even if a rule drops the packet");
    auto* check = command(app, o, "check", "Run assertions and say why they fail");
    check->add_option("file", o.arguments, "Check files (default: those of the lab)")
        ->expected(0, -1);
    check->add_flag(
        "--network-model", o.network_model, "The three rules of the Kubernetes network model");
    check->add_option("--only", o.only, "Only assertions whose title matches this pattern");
    check->add_flag("--fail-fast", o.fail_fast, "Stop at the first failure");
    check->add_flag("--strict", o.strict, "Warnings count; unknown fields are errors");
    check
        ->add_option(
            "--report", o.reports, "Also write FORMAT=PATH: json, junit, tap, github, markdown")
        ->take_all();
    auto* explain =
        command(app, o, "explain", "Show the way of a new connection: rules, choices, endpoints");
    explain->alias("trace");
    explain
        ->add_option(
            "where",
            o.arguments,
            "FROM TO; TO is SERVICE[.NS][:PORT], ADDRESS:PORT, pod:NS/NAME:PORT, dns://NAME or "
            "http(s)://HOST/PATH or grpc://HOST:PORT/PACKAGE.SERVICE/METHOD")
        ->expected(0, 2);
    explain->add_option("--cni", o.cni, "POD: the calls of CNI plugins that wired it");
    explain->add_flag("--wire", o.wire, "Send one packet, too, and say what came of it");
    explain->add_option("-X,--method", o.method, "HTTP method of a request for a URL");
    explain->add_option("-H,--header", o.headers, "HTTP header of it, NAME: VALUE")->take_all();
    auto* plan = command(app, o, "plan", "Show what `up` or `apply` would do to the kernel");
    plan->add_option(
            "lab", o.arguments, "Lab directory or file; nothing: the drift of the running lab")
        ->expected(0, 1);
    add_files(plan, o, "Manifest file, directory or -");
    plan->add_option("--nodes", o.nodes, "Number of nodes")->check(CLI::Range(1, 250));
    auto* lint = command(app, o, "lint", "Read manifests and checks and report every problem");
    lint->alias("validate");
    lint->add_option("file", o.arguments, "Files and directories")->expected(0, -1);
    add_files(lint, o, "The same");
    command(app, o, "graph", "Draw the lab: -o ascii, mermaid, dot or svg");
}

void add_seed(CLI::App* sub, Options& o) {
    sub->add_option("--seed", o.seed, "Which variant, where an exercise has several")
        ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{4294967295}))
        ->each([&o](const std::string& /*text*/) { o.seed_given = true; });
}

void add_learning(CLI::App& app, Options& o) {
    auto* challenge =
        command(app, o, "challenge", "Labs to be repaired: start, check, hint, submit");
    challenge
        ->add_option(
            "what",
            o.arguments,
            "ls [DIR], start NAME|DIR, show, check, hint, solution, submit, reset, stop")
        ->expected(1, 2)
        ->required();
    add_seed(challenge, o);
    challenge->add_flag("--graded", o.graded, "start: hints cost points");
    challenge->add_option("-w,--write", o.write_file, "submit: to this file; - is standard output");
    auto* quiz = command(app, o, "quiz", "Questions, of which the lab itself answers some");
    quiz->add_option(
            "what", o.arguments, "ls [DIR], start NAME|DIR, show, answer ANSWER, grade, stop")
        ->expected(1, -1)
        ->required();
    add_seed(quiz, o);
    quiz->add_flag("--graded", o.graded, "start: what was right is told at the end");
    auto* grade = command(app, o, "grade", "Judge answers to a challenge, each in a fresh lab");
    grade
        ->add_option(
            "answer", o.arguments, "Submissions, manifests, or folders that are one answer each")
        ->expected(1, -1)
        ->required();
    grade->add_option(
        "--challenge",
        o.challenge,
        "A folder or a name (default: what the first submission names)");
    add_seed(grade, o);
    auto* dev = command(app, o, "dev", "For authors of challenges and quizzes: new, lint, test");
    dev->add_option("what", o.arguments, "new DIR, lint DIR..., test DIR...")
        ->expected(2, -1)
        ->required();
    dev->add_option("--kind", o.kind, "new: challenge or quiz");
    add_seed(dev, o);
}

/// The arguments with `-o=json` as `-ojson`: kubectl's short options take both, and CLI11's only
/// the second. What stands behind `--` is somebody else's.
std::vector<std::string> arguments_of(int argc, char** argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    for (auto& argument : arguments) {
        if (argument == "--") {
            break;
        }
        if (argument.size() > 3 && argument[0] == '-' && argument[2] == '=' &&
            std::isalpha(static_cast<unsigned char>(argument[1])) != 0) {
            argument.erase(2, 1);
        }
    }
    return arguments;
}

/// Takes off what stands behind the command `kubectl`: that is kubectl's to read, not ours.
std::vector<std::string> take_kubectls(std::vector<std::string>& arguments) {
    static const std::array<std::string_view, 5> kWithValue{
        "--lab", "-n", "--namespace", "-o", "--output"};
    auto word = arguments.begin();
    while (word != arguments.end() && word->starts_with('-')) {
        const bool two = std::find(kWithValue.begin(), kWithValue.end(), *word) != kWithValue.end();
        word += two && std::next(word) != arguments.end() ? 2 : 1;
    }
    if (word == arguments.end() || *word != "kubectl") {
        return {};
    }
    std::vector<std::string> rest(std::next(word), arguments.end());
    arguments.erase(std::next(word), arguments.end());
    return rest;
}

} // namespace

std::optional<Options> parse_command_line(int argc, char** argv) {
    Options options;
    CLI::App app{"labctl: the network of a Kubernetes cluster on one Linux host", "labctl"};
    app.formatter(std::make_shared<HelpFormatter>()); // of the commands, too
    app.set_version_flag("--version", std::string("labctl ") + LABCTL_VERSION);
    app.require_subcommand(1);
    app.footer("Start with `labctl up`. Manual: labctl(1).");
    add_global_options(app, options);
    add_lifecycle(app, options);
    add_objects(app, options);
    add_inside(app, options);
    add_kubectl(app, options);
    add_capture(app, options);
    add_fault(app, options);
    add_verdicts(app, options);
    add_learning(app, options);
    add_policies(app, options);
    add_environment_names(app);
    try {
        auto arguments = arguments_of(argc, argv);
        auto kubectls = take_kubectls(arguments);
        std::reverse(arguments.begin(), arguments.end()); // as CLI11 wants them
        app.parse(std::move(arguments));
        if (options.command == "kubectl") {
            options.arguments = std::move(kubectls);
        }
        return options;
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::Success)) {
            throw usage_error(app, error);
        }
        app.exit(error, std::cout, std::cerr); // what --help and --version ask for
        return std::nullopt;
    }
}

} // namespace labctl::cli
