labctl_test(services_test unit
  SOURCES unit/services_main.cc unit/services_fixture.cc unit/services_affinity_test.cc unit/services_explain_test.cc unit/services_flow_test.cc unit/services_hash_test.cc unit/services_gateway_test.cc unit/services_ingress_test.cc
    unit/services_iptables_test.cc unit/services_iptables_tracer_test.cc unit/services_ipvs_test.cc unit/services_ipvs_rules_test.cc unit/services_nftables_test.cc unit/services_proxy_test.cc unit/services_scale_test.cc unit/services_stale_connections_test.cc unit/services_topology_test.cc unit/services_userspace_test.cc
  LINK services)
