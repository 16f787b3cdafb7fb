#pragma once

#include "labctl/api/object.h"
#include "netemu/base/address.h"

namespace labctl::compile {

class ServiceIndex;

/// "IPv4" or "IPv6", as `ipFamilies` spells it.
std::string family_text(netemu::Family family);
/// Neither a cluster address nor a controller for its endpoints.
bool is_headless_without_selector(const api::Json& service);
/// `clusterIP: None`.
bool is_headless_service(const api::Json& service);

/// Fills `ipFamilyPolicy` and `ipFamilies` from each other and from the addresses that are asked
/// for; one of the two may be a request for a second family, or for giving it up (`before` had two,
/// null when there was none). Throws api::StatusError in the API server's words when they
/// contradict each other or the cluster has no such family. Source: storage/alloc.go,
/// initIPFamilyFields; KEP-563; reference 2.15.
void complete_families(const ServiceIndex& index, const api::Json& before, api::Json& service);

} // namespace labctl::compile
