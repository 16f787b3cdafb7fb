#pragma once

#include "labctl/api/object.h"

namespace labctl::compile {

/// Throws api::StatusError (Invalid, in the API server's words) when `after` changes what cannot be
/// changed in place: the spec of a Pod but for images and a few more, selectors, a Job's template,
/// most of a StatefulSet, the ranges of a Node. Sources: ValidateUpdate of
/// pkg/apis/{core,apps,batch}/validation.
void check_immutable(const api::Json& before, const api::Json& after);

/// The same for a Lab, where `after` has not got the defaults yet that `before` may lack: its spec
/// is what the lab came up with, and nothing looks at it again.
void check_lab_unchanged(const api::Json& before, const api::Json& after);

/// "Deployment.apps", as the API server names kinds in errors.
std::string qualified_kind(const api::Json& body);

} // namespace labctl::compile
