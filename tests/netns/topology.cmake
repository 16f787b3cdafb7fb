# The underlay as a topology, on the real kernel.
labctl_test(topology_netns_test netns
  SOURCES netns/topology_live_test.cc
    support/cluster.cc support/netns_main.cc support/state_text.cc support/topology.cc
  LINK labctl_compile netemu_kernel nlohmann_json::nlohmann_json)

# Links that the data plane carries: TAP devices, and the two halves of what is between them.
labctl_test(userspace_link_netns_test netns
  SOURCES netns/userspace_link_test.cc support/netns_main.cc
  LINK labctl_dataplane netemu_kernel nlohmann_json::nlohmann_json)
