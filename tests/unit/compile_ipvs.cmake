# The ipvs mode from the store to virtual servers.
labctl_test(compile_ipvs_test unit
  SOURCES unit/compile_cluster_main.cc unit/compile_ipvs_test.cc support/fake_kernel.cc support/state_text.cc
  LINK labctl_explain)
