labctl_test(probe_test unit
  SOURCES unit/probe_target_test.cc unit/probe_json_test.cc unit/probe_aggregate_test.cc
  LINK labctl_probe)
