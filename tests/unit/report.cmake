labctl_test(report_test unit
  SOURCES unit/report_text_test.cc unit/report_check_test.cc unit/report_printer_test.cc
          unit/report_describe_test.cc unit/report_overview_test.cc unit/report_graph_test.cc
          unit/report_policy_test.cc unit/report_service_test.cc unit/report_drop_test.cc unit/report_explain_test.cc unit/report_gateway_test.cc unit/report_ingress_test.cc unit/report_mesh_test.cc unit/report_linkerd_test.cc
          unit/report_dns_test.cc unit/report_bgp_test.cc unit/report_json_path_test.cc unit/report_columns_test.cc
          unit/report_fixture.cc
  LINK labctl_report)
