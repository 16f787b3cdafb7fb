labctl_test(manifest_test unit
  SOURCES unit/manifest_main.cc unit/manifest_fixture.cc unit/manifest_yaml_test.cc unit/manifest_check_test.cc
          unit/manifest_schema_test.cc unit/manifest_defaults_test.cc unit/manifest_service_test.cc
          unit/manifest_dns_test.cc unit/manifest_gateway_test.cc unit/manifest_ingress_test.cc unit/manifest_istio_test.cc unit/manifest_istio_traffic_test.cc unit/manifest_linkerd_test.cc unit/manifest_policy_test.cc
  LINK labctl_manifest)
