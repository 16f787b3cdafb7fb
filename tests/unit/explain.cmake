# What people are told of a mesh: explain, describe, lint.
labctl_test(explain_mesh_test unit
  SOURCES unit/compile_cluster_main.cc unit/explain_mesh_test.cc unit/explain_mesh_hints_test.cc unit/explain_mesh_denial_test.cc
    unit/explain_describe_mesh_test.cc unit/explain_mesh_lint_test.cc unit/explain_mesh_fixture.cc unit/explain_traffic_test.cc
  LINK labctl_explain labctl_manifest)
