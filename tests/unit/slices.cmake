# The packing of slices and the objects of Services; rules are in services.cmake.
labctl_test(slices_test unit
  SOURCES unit/services_main.cc unit/services_slices_test.cc unit/services_hints_test.cc
  LINK services)
labctl_test(compile_service_test unit
  SOURCES unit/compile_cluster_main.cc unit/compile_service_test.cc unit/compile_termination_test.cc unit/compile_userspace_test.cc
    unit/compile_service_ranges_test.cc unit/compile_endpoints_test.cc
    unit/compile_load_balancer_test.cc unit/explain_connection_test.cc unit/explain_policy_path_test.cc unit/explain_edge_way_test.cc unit/compile_gateway_test.cc unit/compile_ingress_test.cc unit/mesh_tls_fixture.cc
  LINK labctl_explain mesh_tls)
labctl_test(compile_service_speed_test bench
  SOURCES unit/compile_service_speed_test.cc
  LINK labctl_compile)
