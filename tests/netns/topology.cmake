# The underlay as a topology, on the real kernel.
labctl_test(topology_netns_test netns
  SOURCES netns/topology_live_test.cc
    support/cluster.cc support/netns_main.cc support/state_text.cc support/topology.cc
  LINK labctl_compile netemu_kernel nlohmann_json::nlohmann_json)
