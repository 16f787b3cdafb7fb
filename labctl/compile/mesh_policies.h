#pragma once

#include "labctl/api/object.h"
#include "mesh/istio/authorization.h"
#include "mesh/istio/peer_authentication.h"
#include "mesh/istio/request_authentication.h"
#include "mesh/istio/scope.h"

/// Istio's security policies, from objects of the store to the values of `mesh`. One function for
/// each kind, so that a change of one object costs one conversion. Objects have been validated;
/// what is of another type than it should be reads as absent. Pure.
namespace labctl::compile {

/// What it decides. No action is ALLOW; the annotation istio.io/dry-run is read as Go's ParseBool
/// reads it.
[[nodiscard]] mesh::istio::AuthorizationPolicy read_authorization_policy(const api::Object& object);

[[nodiscard]] mesh::istio::RequestAuthentication
read_request_authentication(const api::Object& object);

/// Which pods an AuthorizationPolicy or a RequestAuthentication is for.
[[nodiscard]] mesh::istio::PolicyScope authorization_scope(const api::Object& object);

/// `created` is the object's creationTimestamp.
[[nodiscard]] mesh::istio::PeerAuthentication read_peer_authentication(const api::Object& object);

} // namespace labctl::compile
