#pragma once

#include <set>
#include <string>
#include <utility>

#include "labctl/api/object.h"
#include "labctl/compile/slice_names.h"
#include "labctl/store/store.h"
#include "services/ingress.h"

namespace labctl::compile {

/// Finds the endpoints of an Ingress' backends, and remembers which Services it has looked for: a
/// change of any of them is a change of the rules. Internal to this folder.
class IngressBackends {
public:
    using ServiceKey = std::pair<std::string, std::string>; // namespace, name

    IngressBackends(const store::Store& store, const SliceNames& slices)
        : store_(store), slices_(slices) {}

    struct Resolved {
        services::IngressBackend backend;
        bool misconfigured = false; // its problem will not go away by itself
    };
    /// `backend` is an IngressBackend of networking/v1 in an Ingress of that namespace. Those that
    /// cannot answer have no endpoints, and a problem.
    Resolved resolve(const std::string& ns, const api::Json& backend);

    [[nodiscard]] const std::set<ServiceKey>& services() const { return asked_; }

private:
    void find_endpoints(
        const ServiceKey& service, const std::string& port_name, services::IngressBackend& result);

    const store::Store& store_;
    const SliceNames& slices_;
    std::set<ServiceKey> asked_;
};

} // namespace labctl::compile
