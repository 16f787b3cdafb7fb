#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "labctl/api/object.h"

/// Listings of objects with kubectl's columns and forms of values (those of Kubernetes 1.32).
namespace labctl::report {

struct PrintOptions {
    bool wide = false;
    bool show_namespace = false; // a NAMESPACE column (-A); only for kinds that have one
    bool headers = true;
    std::vector<std::string> label_columns; // a column for each of these labels
    bool show_labels = false;               // all labels, in the last column
    bool show_kind = false;                 // "pod/web" in the NAME column
    bool colour = false;
    std::int64_t now = 0; // seconds since 1970, for ages
    /// What endpoints_by_service gave, for the wide listing of Services; may be null.
    const std::map<std::string, std::string>* endpoints = nullptr;
};

/// "10.244.1.2:80,10.244.2.2:80 + 3 more..." of "namespace/name" of each Service, from all
/// EndpointSlices that there are: the endpoints that are ready. Other kinds are ignored.
std::map<std::string, std::string> endpoints_by_service(std::span<const api::ObjectPtr> slices);

/// One kind. Lines that each end in a line feed; with no objects nothing at all, not even headers.
std::string print_table(
    const std::string& kind, std::span<const api::ObjectPtr> objects, const PrintOptions& options);

/// Objects of several kinds, one table for each in the order in which the kinds first come, with
/// the kind in front of each name, as kubectl does; of one kind it is print_table.
std::string print_tables(std::span<const api::ObjectPtr> objects, const PrintOptions& options);

/// `-o name`: "pod/web", "deployment.apps/web", a line each.
std::string print_names(std::span<const api::ObjectPtr> objects);
/// "deployment.apps" of a Deployment, "pod" of a Pod.
std::string resource_name(const api::Object& object);

/// `-o json` of a listing: a v1 List.
api::Json list_object(std::span<const api::ObjectPtr> objects);

/// The STATUS that kubectl shows for a pod: its phase, or what keeps it from it
/// ("CrashLoopBackOff", "Init:0/1", "Completed", "Terminating").
std::string pod_status(const api::Json& pod);
/// "1/2": containers that are ready, of all that count.
std::string pod_ready(const api::Json& pod);
/// "0", or "3 (2m ago)".
std::string pod_restarts(const api::Json& pod, std::int64_t now);
/// "Ready", "NotReady,SchedulingDisabled", "Unknown".
std::string node_status(const api::Json& node);
/// "10.244.1.2:80,10.244.2.2:80 + 3 more...", from an Endpoints object.
std::string format_endpoints(const api::Json& endpoints);
/// "app=web,tier=back" of a mapping, "<none>" when empty.
std::string format_labels(const api::Json& mapping);
/// The same of a metav1.LabelSelector.
std::string format_selector(const api::Json& label_selector);
/// "80/TCP,443:30443/TCP" of the ports of a Service.
std::string format_service_ports(const api::Json& ports);

} // namespace labctl::report
