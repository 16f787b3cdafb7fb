# What people are told of a mesh: explain, describe, lint.
labctl_test(compile_mesh_test unit
  SOURCES unit/compile_cluster_main.cc unit/compile_explain_mesh_test.cc unit/compile_explain_mesh_hints_test.cc unit/compile_mesh_denial_test.cc
    unit/compile_describe_mesh_test.cc unit/compile_mesh_lint_test.cc unit/compile_mesh_fixture.cc unit/compile_traffic_test.cc
  LINK labctl_compile labctl_manifest)
