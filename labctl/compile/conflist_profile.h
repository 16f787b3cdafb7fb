#pragma once

#include "labctl/compile/cni_profile.h"

namespace labctl::compile {

/// The pods are wired by the plugins of a network configuration list (`spec.cni.conflist`): by us
/// they have a namespace with lo and nothing else, and no address until a plugin gives them one.
/// What is ours is how nodes exchange the pods' packets.
inline constexpr const char* kConflist = "conflist";
extern const CniProfile kConflistProfile;

} // namespace labctl::compile
