#pragma once

#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"

/// What is valid in a policy of a mesh and still hardly meant.
namespace labctl::explain {

/// Whether the kind is of a mesh: nothing acts on it without one.
[[nodiscard]] bool is_mesh_kind(const std::string& kind);

struct MeshFinding {
    api::ObjectPtr object;
    std::string path;    // inside the object: "spec.rules[0].to[0].operation.ports[0]"
    std::string message; // one sentence, without the policy's name
    std::string hint;    // what to do about it
};

/// Findings in the order of the policies' keys:
/// - principals with "spiffe://" in front, which match nobody;
/// and, only where the store has pods other than those of the lab itself,
/// - selectors that select no pod;
/// - principals and service accounts that no ServiceAccount has;
/// - rules that ask for what only HTTP has, where all ports that they are for are TCP: those of
///   ALLOW are left out, others match more than they say;
/// - ports that are a Service's and none of the pods';
/// - rules that ask for what tokens say, where no RequestAuthentication is for some of the pods;
/// - RequestAuthentications for pods of which no policy asks for a token: those without one pass.
/// Pure.
[[nodiscard]] std::vector<MeshFinding> lint_mesh(const store::Store& store);

} // namespace labctl::explain
