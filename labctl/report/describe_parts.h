#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "labctl/report/describe.h"
#include "labctl/report/tab_writer.h"

/// What the descriptions of several kinds share. Private to the room.
namespace labctl::report {

/// A text of indented lines whose cells (separated by tabs) are aligned.
class Description {
public:
    /// Adds a line, two spaces of indentation for each level. Control characters other than the
    /// tabs of the layout must have been made visible before.
    void line(int level, std::string_view text);
    /// "Name:\tvalue", the value made visible.
    void field(int level, std::string_view name, std::string_view value);
    /// One "key=value" a line, or <none>; the annotations of tools are left out.
    void labels(int level, std::string_view name, const api::Labels& labels);
    void annotations(int level, std::string_view name, const api::Labels& annotations);
    [[nodiscard]] std::string str() const;

private:
    void pairs(int level, std::string_view name, const std::vector<std::string>& lines);
    TabWriter writer_;
};

struct DescribeInput {
    const api::Object& object;
    const DescribeOptions& options;
};

void describe_pod(Description& out, const DescribeInput& input);
void describe_node(Description& out, const DescribeInput& input);
void describe_workload(Description& out, const DescribeInput& input);
void describe_service(Description& out, const DescribeInput& input);
void describe_ingress(Description& out, const DescribeInput& input);
void describe_ingress_class(Description& out, const DescribeInput& input);
void describe_endpoint_slice(Description& out, const DescribeInput& input);
void describe_endpoints(Description& out, const DescribeInput& input);
void describe_network_policy(Description& out, const DescribeInput& input);
void describe_authorization_policy(Description& out, const DescribeInput& input);
void describe_request_authentication(Description& out, const DescribeInput& input);
void describe_peer_authentication(Description& out, const DescribeInput& input);
void describe_virtual_service(Description& out, const DescribeInput& input);
void describe_destination_rule(Description& out, const DescribeInput& input);
void describe_linkerd_server(Description& out, const DescribeInput& input);
void describe_linkerd_authorization(Description& out, const DescribeInput& input);
void describe_generic(Description& out, const DescribeInput& input);

/// Of a pod what a mesh makes of it (DescribeOptions::mesh); nothing where there is none.
void describe_sidecar(Description& out, const api::Json& mesh);
/// The rest of that for a proxy of Linkerd.
void describe_linkerd_proxy(Description& out, const api::Json& mesh);

/// Containers under `label`. `pod` is the pod that they run in; nullptr for those of a template,
/// which kubectl indents differently and which have no status.
void describe_containers(
    Description& out,
    std::string_view label,
    const api::Json& containers,
    const api::Json& statuses,
    const api::Json* pod);
void describe_volumes(Description& out, int level, const api::Json& volumes);
void describe_placement(Description& out, int level, const api::Json& pod_spec);
/// "10.244.1.2:80,..." for one port of a Service, from the EndpointSlices that belong to it;
/// "<none>" when there are none of them, as in kubectl.
std::string port_endpoints(
    const DescribeInput& input,
    const std::string& ns,
    const std::string& service,
    const std::string& port_name);
void describe_events(Description& out, const DescribeInput& input);

/// "Mon, 02 Jan 2006 15:04:05 +0000" of an RFC 3339 time, or "<unknown>".
std::string long_time(const std::string& timestamp);
std::string join_strings(const api::Json& list, std::string_view separator);
bool owned_by(const api::Object& candidate, const api::Object& owner);
/// A value as Go prints it: strings bare, the rest as JSON.
std::string plain(const api::Json& value);

} // namespace labctl::report
