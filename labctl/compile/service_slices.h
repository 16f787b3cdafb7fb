#pragma once

#include <map>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "services/slices.h"

/// EndpointSlices as JSON, and the bringing of the store's slices to what is wanted; shared by the
/// two controllers that write them. Internal to this folder.
namespace labctl::compile {

class Control;

/// The slices of one owner.
struct SliceFamily {
    netemu::Family family = netemu::Family::V4;
    std::vector<services::SlicePort> ports;
    auto operator<=>(const SliceFamily& other) const { return order() <=> other.order(); }
    bool operator==(const SliceFamily& other) const { return order() == other.order(); }

private:
    [[nodiscard]] std::string order() const; // equal for equal values
};
using WantedSlices = std::map<SliceFamily, std::vector<services::PlacedEndpoint>>;

/// What all slices of an owner have in common.
struct SliceOwner {
    const api::Object& owner; // Service or Endpoints
    const char* manager;      // value of the label managed-by
    api::Labels labels;       // complete
    api::Labels annotations;  // without the trigger time
    std::string trigger_time; // annotation of what is written now
    std::size_t most = services::kEndpointsPerSliceMax;
};

/// Creates, updates and deletes the slices among `names` that `owner.manager` manages. A family of
/// `placeholders` that has no endpoint at all keeps one empty slice. A slice that became empty is
/// used again before a new one is made.
void bring_slices(
    Control& control,
    const SliceOwner& owner,
    const std::vector<std::string>& names,
    WantedSlices wanted,
    const std::vector<netemu::Family>& placeholders);

/// The slices of a manager among those labelled with a Service.
std::vector<std::string> managed_slices(
    Control& control,
    const std::pair<std::string, std::string>& service,
    const std::string& manager);

/// An object as the labels of a Service or Endpoints object are copied to a slice.
services::PlacedEndpoint read_endpoint(const api::Json& json);
services::SlicePort read_slice_port(const api::Json& json);
/// `targetRef` of a pod.
api::Json pod_reference(const services::PlacedEndpoint& placed);

} // namespace labctl::compile
