#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/cli/context.h"

/// From the command line to validated objects.
namespace labctl::cli {

struct LabInput {
    api::Object lab;
    std::vector<api::Object> objects;
    bool has_lab = false; // `lab` is from a file, and not made up or what was up before
    bool resume = false;  // there is a journal of this lab
    std::string title;    // "the built-in demo", "labs/demo", ...
};

/// The lab that `up` and `plan` are about: a directory, a file, manifests, the name of a lab with a
/// journal, or the built-in demo. Prints warnings; throws when anything is invalid, and then
/// nothing has happened.
LabInput read_lab_input(const Context& context);

/// The objects of -f and positional files, behind those namespaces that they use and nobody
/// defines; namespaces that are there already are `known`. Prints warnings; throws ManifestError
/// with every problem.
std::vector<api::Object> read_objects(
    const Context& context,
    const std::vector<std::string>& inputs,
    std::vector<std::string> known = {});
/// The same, with the Lab among them, if there is one.
LabInput read_lab_objects(
    const Context& context,
    const std::vector<std::string>& inputs,
    std::vector<std::string> known = {});
/// The same without any namespace that the files do not define: what they name, and no more.
std::vector<api::Object>
read_named_objects(const Context& context, const std::vector<std::string>& inputs);

/// A lab directory, a lab file or manifests, for commands that only think about them. `lab` is null
/// if the input has none. Prints warnings; throws ManifestError with every problem.
LabInput read_cluster_input(const Context& context, const std::vector<std::string>& inputs);

/// The values of the first variant, where the path is the folder of a challenge or quiz; none for
/// anything else.
std::map<std::string, std::string> exercise_variables(const std::string& path);

/// Puts what the command line says of a lab (--nodes, --cni ...) into its object, and beside it
/// which of that it was (annotation labctl.dev/flags).
void override_lab(const Options& options, api::Object& lab);
/// Overrides `lab`, as its file has it, by the flags that `running` came up with.
void override_as_running(const api::Object& running, api::Object& lab);

/// {"object": ..., "source": {...}, "written": "..."} as the control API takes it.
nlohmann::json object_entry(const api::Object& object);
nlohmann::json object_entries(std::span<const api::Object> objects);

/// `up --dry-run` and `plan`: what would be done to the kernel from nothing. Returns the exit
/// status.
int print_plan(const Context& context, const LabInput& input);

} // namespace labctl::cli
