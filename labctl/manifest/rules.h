#pragma once

#include <cstdint>

#include "labctl/api/object.h"

/// Rules and defaults that involve more than one field, one function per API type; the schema
/// tables name them. Those of the API server: k8s.io/kubernetes/pkg/apis/*/validation and
/// */defaults.go. A `default_` function sees the object before anything is checked, a `check_`
/// function after its fields were.
namespace labctl::manifest {

class Cursor;

inline constexpr std::int64_t kPortMax = 65535; // 1 is the least, but for "any" where 0 says so

// rules_meta.cc
void check_label_selector(const Cursor& selector);

// rules_container.cc
void default_container(api::Json& container);
void check_container(const Cursor& container);
void check_container_port(const Cursor& port);
void check_env_var(const Cursor& variable);
void check_port_reference(const Cursor& action); // httpGet, tcpSocket: number or name of a port
void check_resources(const Cursor& resources);
void default_probe(api::Json& probe);
void default_grpc(api::Json& action);
void check_probe(const Cursor& probe);
void check_lifecycle_handler(const Cursor& handler);

// rules_pod.cc
void default_volume(api::Json& volume);
void check_volume(const Cursor& volume);
void check_toleration(const Cursor& toleration);
void check_node_requirement(const Cursor& requirement);
void check_dns_config(const Cursor& config);
void default_pod_spec(api::Json& spec);
void check_pod_spec(const Cursor& spec);
void default_pod(api::Json& pod);
void check_pod(const Cursor& pod);

// rules_apps.cc
void default_deployment_strategy(api::Json& strategy);
void check_deployment_strategy(const Cursor& strategy);
void check_deployment_spec(const Cursor& spec);
void check_replica_set_spec(const Cursor& spec);
void default_stateful_set_strategy(api::Json& strategy);
void check_stateful_set_spec(const Cursor& spec);
void default_daemon_set_strategy(api::Json& strategy);
void check_daemon_set_strategy(const Cursor& strategy);
void check_daemon_set_spec(const Cursor& spec);
void default_job_spec(api::Json& spec);
void check_job_spec(const Cursor& spec);
void check_job(const Cursor& job);

// rules_service.cc
void default_service_port(api::Json& port);
void check_service_port(const Cursor& port);
void default_service_spec(api::Json& spec);
void check_service_spec(const Cursor& spec);
void check_endpoint_subset(const Cursor& subset);
void default_endpoint_slice_port(api::Json& port);
void check_endpoint_slice(const Cursor& slice);

// rules_core.cc
void default_namespace(api::Json& name_space);
void default_node_spec(api::Json& spec);
void check_node_spec(const Cursor& spec);
/// `stringData` goes into `data`, in base64, as the API server writes it.
void default_secret(api::Json& secret);
void check_secret(const Cursor& secret);
void check_config_map(const Cursor& config_map);

// rules_networking.cc
void default_policy_spec(api::Json& spec);
void check_policy_spec(const Cursor& spec);
void check_policy_port(const Cursor& port);
void check_policy_peer(const Cursor& peer);
void check_ip_block(const Cursor& block);
void check_ingress_backend(const Cursor& backend);
void check_ingress_path(const Cursor& path);
void check_ingress_rule(const Cursor& rule);
void check_ingress_spec(const Cursor& spec);
void check_ingress(const Cursor& ingress);
void check_ingress_class_spec(const Cursor& spec);

// rules_policy.cc
void check_admin_ingress_peer(const Cursor& peer);
void check_admin_egress_peer(const Cursor& peer);
void check_port_range(const Cursor& range);
void check_admin_port(const Cursor& port);
void check_admin_rule(const Cursor& rule);
void check_admin_spec(const Cursor& spec);
void check_baseline_policy(const Cursor& policy);
void check_destination_port(const Cursor& port);
void check_cluster_protocol(const Cursor& protocol);
void check_cluster_rule(const Cursor& rule);
void check_cluster_spec(const Cursor& spec);

// rules_istio.cc
void check_istio_source(const Cursor& source);
void check_istio_from(const Cursor& from);
void check_istio_operation(const Cursor& operation);
void check_istio_to(const Cursor& to);
void check_istio_condition(const Cursor& condition);
void check_istio_rule(const Cursor& rule);
void check_istio_scope(const Cursor& spec);
void check_istio_jwt_rule(const Cursor& rule);
std::string istio_header_name(std::string_view text);
void check_authorization_spec(const Cursor& spec);
void check_peer_authentication_spec(const Cursor& spec);
void check_peer_authentication(const Cursor& policy);

// rules_istio_traffic.cc
std::string istio_duration(std::string_view text);
void check_istio_string_match(const Cursor& match);
void check_istio_http_match(const Cursor& match);
void check_istio_redirect(const Cursor& redirect);
void check_istio_retries(const Cursor& retries);
void check_istio_percent(const Cursor& percent);
void check_istio_fault(const Cursor& fault);
void check_istio_http_route(const Cursor& route);
void check_virtual_service_spec(const Cursor& spec);
void check_istio_hash(const Cursor& hash);
void check_istio_balancer(const Cursor& balancer);
void check_istio_pool(const Cursor& pool);
void check_istio_outliers(const Cursor& outliers);
void check_istio_client_tls(const Cursor& tls);
void check_istio_traffic_policy(const Cursor& policy);
void check_destination_rule_spec(const Cursor& spec);

// rules_linkerd.cc
void check_linkerd_annotations(const Cursor& metadata);
std::string wildcard_hostname(std::string_view text);
void check_linkerd_server_spec(const Cursor& spec);
void check_linkerd_network(const Cursor& network);
void check_linkerd_server_selector(const Cursor& server);
void check_linkerd_mesh_tls(const Cursor& tls);
void check_linkerd_client(const Cursor& client);
void check_linkerd_authorization_spec(const Cursor& spec);
void check_linkerd_authorization(const Cursor& policy);
void check_linkerd_mesh_tls_authentication(const Cursor& spec);
void check_route_match(const Cursor& match);
void check_route(const Cursor& route);

// rules_gateway.cc
std::string gateway_duration(std::string_view text);
void check_gateway_class_spec(const Cursor& spec);
void check_route_namespaces(const Cursor& namespaces);
void check_gateway_listener(const Cursor& listener);
void check_gateway_spec(const Cursor& spec);
void check_path_modifier(const Cursor& path);
void check_route_redirect(const Cursor& redirect);
void check_route_mirror(const Cursor& mirror);
void check_backend_reference(const Cursor& backend);
void check_route_filter(const Cursor& filter);
void check_route_timeouts(const Cursor& timeouts);
void default_route_rule(api::Json& rule);
void check_route_rule(const Cursor& rule);
void check_gateway_route(const Cursor& route);

// rules_lab.cc
void default_lab_spec(api::Json& spec);
void check_lab_spec(const Cursor& spec);
void check_lab_image(const Cursor& image);
void default_underlay(api::Json& underlay);

// rules_lab_dns.cc
void check_upstream_record(const Cursor& record);
void check_upstream(const Cursor& upstream);

// rules_learn.cc
void check_challenge(const Cursor& challenge);
void check_question(const Cursor& question);
void check_quiz(const Cursor& quiz);

} // namespace labctl::manifest
