#include "labctl/compile/slice_names.h"

#include "labctl/compile/service_index.h"

namespace labctl::compile {

std::optional<SliceNames::ServiceKey> SliceNames::note(const api::Object& slice, bool present) {
    const auto labels = slice.labels();
    const auto found = labels.find(kServiceNameLabel);
    if (found == labels.end()) {
        return std::nullopt;
    }
    ServiceKey key{slice.ns(), found->second};
    if (present) {
        names_[key].insert(slice.name());
    } else if (const auto names = names_.find(key); names != names_.end()) {
        names->second.erase(slice.name());
        if (names->second.empty()) {
            names_.erase(names);
        }
    }
    return key;
}

const std::set<std::string>& SliceNames::of(const ServiceKey& service) const {
    static const std::set<std::string> kNone;
    const auto found = names_.find(service);
    return found == names_.end() ? kNone : found->second;
}

} // namespace labctl::compile
