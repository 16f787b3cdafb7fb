#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dns/records.h"
#include "netemu/base/address.h"

namespace dns {

/// What has changed of all that a cluster's DNS answers from. Plain values, made where the cluster
/// is known and applied where its zone is.
struct ZoneChanges {
    using PodAddress = std::pair<netemu::IpAddress, std::string>; // address, namespace

    std::optional<std::string> corefile; // one that `parse_corefile` takes
    /// With a Corefile: the files that it reads, by path. Zone files are such as StaticZone takes.
    std::map<std::string, std::string> files;
    std::vector<std::string> namespaces;
    std::vector<std::string> namespaces_gone;
    std::vector<ServiceValue> services;                             // new or changed
    std::vector<std::pair<std::string, std::string>> services_gone; // namespace, name
    std::vector<PodAddress> pods;
    std::vector<PodAddress> pods_gone;

    [[nodiscard]] bool empty() const {
        return !corefile && namespaces.empty() && namespaces_gone.empty() && services.empty() &&
               services_gone.empty() && pods.empty() && pods_gone.empty();
    }
};

} // namespace dns
