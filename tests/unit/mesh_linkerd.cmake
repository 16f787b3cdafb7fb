# Linkerd's policies as values.
labctl_test(mesh_linkerd_test unit
  SOURCES unit/mesh_linkerd_main.cc unit/mesh_linkerd_fixture.cc unit/mesh_linkerd_match_test.cc unit/mesh_linkerd_govern_test.cc
          unit/mesh_linkerd_decision_test.cc unit/mesh_linkerd_random_test.cc
  LINK mesh_linkerd)
