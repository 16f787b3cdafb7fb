#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "labctl/api/object.h"

namespace labctl::compile {

/// Which EndpointSlices are labelled with which Service, by name; kept by whoever follows the store
/// and has to read the slices of one Service. Internal to this folder.
class SliceNames {
public:
    using ServiceKey = std::pair<std::string, std::string>; // namespace, name

    /// Notes that the slice is there (or is gone) and returns its Service; nullopt if its labels
    /// name none.
    std::optional<ServiceKey> note(const api::Object& slice, bool present);
    [[nodiscard]] const std::set<std::string>& of(const ServiceKey& service) const;

private:
    std::map<ServiceKey, std::set<std::string>> names_; // no Service with an empty set
};

} // namespace labctl::compile
