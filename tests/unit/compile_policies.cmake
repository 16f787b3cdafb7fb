# Policies from the store to operations.
labctl_test(compile_policies_test unit
  SOURCES unit/compile_cluster_main.cc unit/compile_policies_test.cc unit/compile_identities_test.cc unit/compile_mesh_policies_test.cc support/cluster.cc
  LINK labctl_compile)
# What the objects of a lab make of its sidecars.
labctl_test(compile_sidecars_test unit
  SOURCES unit/compile_cluster_main.cc unit/compile_sidecars_test.cc unit/compile_linkerd_test.cc unit/explain_linkerd_test.cc
  LINK labctl_explain)
