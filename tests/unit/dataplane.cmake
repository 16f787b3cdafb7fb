labctl_test(dataplane_test unit
  SOURCES unit/dataplane_workload_test.cc unit/dataplane_wire_test.cc unit/dataplane_sandbox_test.cc
          unit/dataplane_grpc_test.cc unit/dataplane_loss_test.cc unit/dataplane_geneve_test.cc unit/dataplane_sleeve_test.cc
          unit/dataplane_link_test.cc unit/dataplane_gateway_wire_test.cc unit/dataplane_traffic_wire_test.cc unit/dataplane_ingress_wire_test.cc unit/dataplane_mesh_policy_wire_test.cc unit/dataplane_sidecar_metrics_test.cc
          unit/dataplane_sidecar_wire_test.cc unit/dataplane_linkerd_wire_test.cc unit/dataplane_linkerd_answers_test.cc unit/dataplane_sidecar_rules_test.cc unit/dataplane_upstream_pool_test.cc unit/dataplane_sidecar_answers_test.cc
  LINK labctl_dataplane mesh_authority mesh_http mesh_tls services)
