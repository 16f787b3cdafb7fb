#include "labctl/cni/request.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "labctl/cni/error.h"
#include "labctl/cni/result.h"
#include "labctl/cni/version.h"
#include "netemu/base/limits.h"
#include "netemu/base/text.h"

namespace labctl::cni {

using api::at;
using api::Json;
using api::string_at;

namespace {

constexpr std::size_t kPodNameBytesMax = 253; // RFC 1123 subdomain, as a Pod's name is

struct CommandWord {
    const char* word;
    Command command;
};
constexpr std::array kCommandWords{
    CommandWord{"ADD", Command::Add},
    CommandWord{"DEL", Command::Delete},
    CommandWord{"CHECK", Command::Check},
    CommandWord{"GC", Command::Collect},
    CommandWord{"STATUS", Command::Status},
    CommandWord{"VERSION", Command::Version}};

/// "must start with an alphanumeric character, optionally followed by ... alphanumeric characters,
/// underscore, dot or hyphen": the specification of container IDs and of the names of networks.
bool is_identifier(const std::string& text) {
    const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
    return !text.empty() && is_word(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return is_word(c) || c == '_' || c == '.' || c == '-';
           });
}

/// What Linux takes as the name of an interface (dev_valid_name of net/core/dev.c).
bool is_interface_name(const std::string& text) {
    return !text.empty() && text.size() <= netemu::limits::kInterfaceNameBytesMax && text != "." &&
           text != ".." && std::none_of(text.begin(), text.end(), [](char c) {
               return c == '/' || c == ':' || std::isspace(static_cast<unsigned char>(c)) != 0;
           });
}

std::string value_of(const Environment& environment, const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string{} : found->second;
}

[[noreturn]] void bad_environment(const std::string& name, const std::string& why) {
    throw CniError(Code::InvalidEnvironment, name + ": " + why);
}

[[noreturn]] void bad_config(const std::string& what) {
    throw CniError(Code::InvalidConfig, what);
}

Command command_of(const Environment& environment) {
    const auto text = value_of(environment, "CNI_COMMAND");
    for (const auto& each : kCommandWords) {
        if (text == each.word) {
            return each.command;
        }
    }
    bad_environment(
        "CNI_COMMAND", "'" + text + "' is none of ADD, DEL, CHECK, GC, STATUS and VERSION");
}

void read_container(const Environment& environment, Request& request) {
    std::string missing;
    const auto need = [&](const char* name) {
        auto value = value_of(environment, name);
        if (value.empty()) {
            missing += (missing.empty() ? "" : ", ") + std::string(name);
        }
        return value;
    };
    request.container = need("CNI_CONTAINERID");
    request.interface = need("CNI_IFNAME");
    request.netns =
        request.command == Command::Delete ? value_of(environment, "CNI_NETNS") : need("CNI_NETNS");
    if (!missing.empty()) {
        bad_environment(missing, "required for this command, and not set");
    }
    if (!is_identifier(request.container)) {
        bad_environment(
            "CNI_CONTAINERID",
            "'" + request.container +
                "' must begin with a letter or digit, then letters, digits, '_', '.' and '-'");
    }
    if (!is_interface_name(request.interface)) {
        bad_environment(
            "CNI_IFNAME", "'" + request.interface + "' cannot be the name of an interface");
    }
}

/// "K8S_POD_NAME=web;IgnoreUnknown=1".
Environment read_arguments(const std::string& text) {
    Environment arguments;
    for (const auto part : netemu::split(text, ';')) {
        const auto equals = part.find('=');
        if (part.empty()) {
            continue;
        }
        if (equals == std::string_view::npos || equals == 0) {
            bad_environment("CNI_ARGS", "'" + std::string(part) + "' is no KEY=VALUE");
        }
        arguments.emplace(part.substr(0, equals), part.substr(equals + 1));
    }
    return arguments;
}

std::string text_field(const Json& json, const char* field) {
    const auto& value = at(json, field);
    if (!value.is_null() && !value.is_string()) {
        bad_config(std::string(field) + ": " + value.dump() + " is no text");
    }
    return value.is_string() ? value.get<std::string>() : std::string{};
}

/// What runtimes add, what every configuration may have, and what is ours. Anything else would be
/// passed over in silence, and the writer would never know.
void check_fields(const Json& json) {
    constexpr std::array kFields{
        "cniVersion",
        "name",
        "type",
        "lab",
        "node",
        "namespace",
        "labels",
        "runDir",
        "capabilities",
        "runtimeConfig",
        "args",
        "prevResult",
        "dns",
        "cniVersions",
        "disableCheck",
        "disableGC"};
    for (const auto& [key, value] : json.items()) {
        const bool known = std::find(kFields.begin(), kFields.end(), key) != kFields.end();
        const bool foreign =
            key.find('/') != std::string::npos || key.find('.') != std::string::npos;
        const bool empty = value.is_object() && value.empty(); // runtimes write "ipam": {}
        if (!known && !foreign && !empty) {
            throw CniError(
                Code::UnsupportedField,
                "unsupported field: " + key + ": " + value.dump(),
                "the lab chooses addresses, devices and routes; the fields of the type labctl are "
                "lab, node, namespace, labels and runDir");
        }
    }
}

/// `labels` of ours, and those of args.cni (CNI's CONVENTIONS.md).
api::Labels read_labels(const Json& json) {
    api::Labels labels;
    for (const auto& label : at(json, "args.cni.labels")) {
        labels[string_at(label, "key")] = string_at(label, "value");
    }
    const auto& own = at(json, "labels");
    if (!own.is_null() && !own.is_object()) {
        bad_config("labels: " + own.dump() + " is no object");
    }
    for (const auto& [key, value] : own.items()) {
        if (!value.is_string()) {
            bad_config("labels." + key + ": " + value.dump() + " is no text");
        }
        labels[key] = value.get<std::string>();
    }
    return labels;
}

/// The addresses that are asked for by the capability `ips`, by args.cni, or by IP of CNI_ARGS.
std::vector<netemu::IpAddress> read_ips(const Json& json, const Environment& arguments) {
    std::vector<std::string> texts;
    for (const auto* field : {"runtimeConfig.ips", "args.cni.ips"}) {
        for (const auto& each : at(json, field)) {
            texts.push_back(each.is_string() ? each.get<std::string>() : each.dump());
        }
    }
    if (const auto single = value_of(arguments, "IP"); texts.empty() && !single.empty()) {
        texts.push_back(single);
    }
    std::vector<netemu::IpAddress> ips;
    for (const auto& text : texts) {
        const auto address = netemu::IpAddress::parse(text.substr(0, text.find('/')));
        if (!address) {
            bad_config("ips: '" + text + "' is no address");
        }
        ips.push_back(*address);
    }
    return ips;
}

/// "cni.dev/valid-attachments": what is not listed is gone.
void read_valid(const Json& json, NetworkConfig& config) {
    const auto found = json.find("cni.dev/valid-attachments");
    if (found == json.end()) {
        return;
    }
    if (!found->is_array()) {
        bad_config("cni.dev/valid-attachments: " + found->dump() + " is no list");
    }
    config.valid.emplace();
    for (const auto& each : *found) {
        auto container = string_at(each, "containerID");
        auto interface = string_at(each, "ifname");
        if (container.empty() || interface.empty()) {
            bad_config(
                "cni.dev/valid-attachments: " + each.dump() + " lacks containerID or ifname");
        }
        config.valid->emplace(std::move(container), std::move(interface));
    }
}

Json parse_config(const std::string& text) {
    auto json = Json::parse(text, nullptr, false);
    if (json.is_discarded() || !json.is_object()) {
        throw CniError(
            Code::Decoding,
            text.empty() ? "there is no network configuration on standard input"
                         : "the network configuration is no JSON object");
    }
    return json;
}

std::string version_of(const Json& json) {
    const auto version = text_field(json, "cniVersion");
    return version.empty() ? kVersionUnnamed : version;
}

NetworkConfig read_config(const Json& json, Command command, const Environment& arguments) {
    NetworkConfig config;
    config.version = version_of(json);
    if (!is_supported(config.version)) {
        throw CniError(
            Code::IncompatibleVersion,
            "incompatible CNI versions: the configuration is of " + config.version,
            "supported are " + netemu::join(supported_versions(), ", "));
    }
    const auto* since = command == Command::Check ? "0.4.0" : "1.1.0";
    const bool is_late =
        command == Command::Check || command == Command::Collect || command == Command::Status;
    if (is_late && !at_least(config.version, since)) {
        throw CniError(
            Code::IncompatibleVersion,
            "the configuration's version " + config.version + " does not know this command",
            std::string("it is there since ") + since);
    }
    config.name = text_field(json, "name");
    if (!is_identifier(config.name)) {
        bad_config("name: '" + config.name + "' cannot be the name of a network");
    }
    check_fields(json);
    config.lab = text_field(json, "lab");
    if (config.lab.empty()) {
        bad_config("lab: which lab is meant? (\"lab\": \"demo\")");
    }
    config.node = text_field(json, "node");
    config.ns = text_field(json, "namespace");
    config.run_dir = text_field(json, "runDir");
    config.labels = read_labels(json);
    config.ips = read_ips(json, arguments);
    config.previous = at(json, "prevResult");
    if (command == Command::Check && !config.previous.is_object()) {
        bad_config("prevResult: CHECK needs the result of ADD");
    }
    read_valid(json, config);
    if (command == Command::Collect && !config.valid) {
        bad_config("cni.dev/valid-attachments: GC needs the list of what is still there");
    }
    return config;
}

} // namespace

Environment cni_environment(const char* const* environment) {
    Environment found;
    for (; *environment != nullptr; ++environment) {
        const std::string_view entry(*environment);
        const auto equals = entry.find('=');
        if (entry.starts_with("CNI_") && equals != std::string_view::npos) {
            found.emplace(entry.substr(0, equals), entry.substr(equals + 1));
        }
    }
    return found;
}

Request read_request(const Environment& environment, const std::string& config) {
    Request request;
    request.command = command_of(environment);
    if (request.command == Command::Version) {
        return request;
    }
    if (request.command != Command::Collect && request.command != Command::Status) {
        read_container(environment, request);
    }
    request.arguments = read_arguments(value_of(environment, "CNI_ARGS"));
    request.config = read_config(parse_config(config), request.command, request.arguments);
    return request;
}

std::string answer_version(const std::string& config) {
    const auto json = Json::parse(config, nullptr, false);
    const auto version = json.is_object() ? string_at(json, "cniVersion") : std::string{};
    return is_supported(version) ? version : kVersion;
}

Json version_answer(const std::string& config) {
    return {{"cniVersion", answer_version(config)}, {"supportedVersions", supported_versions()}};
}

std::string Request::pod_namespace() const {
    if (!config.ns.empty()) {
        return config.ns;
    }
    const auto given = value_of(arguments, "K8S_POD_NAMESPACE");
    return given.empty() ? "default" : given;
}

std::string Request::pod_name() const {
    const auto given = value_of(arguments, "K8S_POD_NAME");
    std::string name;
    for (const char c : given.empty() ? container : given) {
        const auto byte = static_cast<unsigned char>(c);
        const auto lower = static_cast<char>(std::tolower(byte));
        name += std::isalnum(byte) != 0 || c == '.' || c == '-' ? lower : '-';
    }
    name.resize(std::min(name.size(), kPodNameBytesMax));
    while (!name.empty() && (name.back() == '-' || name.back() == '.')) {
        name.pop_back();
    }
    return name;
}

} // namespace labctl::cni
