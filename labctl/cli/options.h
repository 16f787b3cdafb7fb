#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace labctl::cli {

/// What the command line said. One flat structure: most commands share most of it, as kubectl's do.
/// Which fields a command uses is declared in parse.cc; the others keep their defaults.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): there is one, in an order for people
struct Options {
    std::string command; // "up", "get", ...

    // Everywhere
    std::string lab;
    std::string ns; // empty: default
    bool all_namespaces = false;
    std::string output = "table"; // table, wide, json, yaml, name; or what else a command has
    bool quiet = false;
    bool warnings = true; // about files; not about those of an exercise, of which all are the same
    bool no_color = false;
    int verbosity = 0;

    // Input
    std::vector<std::string> files;     // -f
    std::vector<std::string> arguments; // positional, in order
    std::string selector;               // -l
    std::string field_selector;
    bool prefix = false; // of each line of a log, its pod
    bool strict = false;
    bool recursive = false;

    // up
    std::string name;
    std::size_t nodes = 0; // 0: as the lab says
    std::string cni;
    std::string encryption;
    std::string proxy_mode;
    std::string wait = "30s";
    bool dry_run = false;

    // down, delete, events, logs, get
    bool all = false;
    bool keep = false;
    bool watch = false;
    bool drops = false;
    bool follow = false;
    int tail = -1;
    std::string container;
    bool overwrite = false;
    int replicas = -1;

    // delete
    std::int64_t grace_period = -1; // seconds; -1: each pod's own
    bool now = false;
    bool force = false;
    bool wait_for_end = true;

    // exec
    bool interactive = false;
    bool tty = false;

    // probe
    std::string probe_file;
    std::uint32_t count = 1;
    std::uint32_t concurrency = 1;
    std::string timeout = "1s";
    std::string via;
    std::string method;
    std::vector<std::string> headers;
    std::string data;
    std::uint16_t source_port = 0;
    std::string cacert;
    std::uint32_t packet_size = 0;
    bool samples = false;
    bool no_evidence = false;

    // check
    bool network_model = false;
    bool fail_fast = false;
    std::string only;
    std::vector<std::string> reports; // FORMAT=PATH

    // events
    bool dns = false;
    // matrix
    bool model = false;
    bool wire = false;
    bool both = false;
    bool workloads = false;
    std::vector<std::string> ports; // 80, 80/TCP
    std::string protocol;

    // capture
    std::string write_file;       // empty: lines of text on standard output; "-": packets on it
    std::uint64_t packets = 0;    // 0: no limit
    std::string duration;         // empty: no limit
    std::string filter;           // empty: every packet
    std::uint32_t snap_bytes = 0; // 0: whole packets

    // fault
    std::string share;
    std::string port;
    std::string direction;
    std::string period;
    std::string rounds;
    std::string heal_after;
    std::map<std::string, std::string> link_changes; // "delay" -> "50ms"

    // challenge, quiz, grade, dev
    std::uint64_t seed = 0; // 0: the first variant
    bool seed_given = false;
    std::map<std::string, std::string> variables; // of the variant, for the files that are read
    bool graded = false;
    std::string challenge; // a folder, or a name
    std::string kind = "challenge";

    // get
    bool show_labels = false;
    std::vector<std::string> label_columns; // each may be several keys: "app,tier"
    bool no_headers = false;
    std::string sort_by;
};

/// Those of --header by their names. Throws UsageError for one that is not NAME: VALUE.
std::map<std::string, std::string> header_fields(const Options& options);

/// Parses the command line and the environment (LABCTL_NAMESPACE for --namespace and so on).
/// Prints what --help and --version ask for and then returns nullopt. Throws UsageError.
std::optional<Options> parse_command_line(int argc, char** argv);

} // namespace labctl::cli
