# What is compiled from objects, on the real kernel.
labctl_test(network_netns_test netns
  SOURCES netns/network_live_test.cc
    support/cluster.cc support/netns_main.cc support/state_text.cc
  LINK labctl_compile netemu_kernel nlohmann_json::nlohmann_json)
labctl_test(wireguard_netns_test netns
  SOURCES netns/network_wireguard_test.cc
    support/cluster.cc support/netns_main.cc support/state_text.cc
  LINK labctl_compile netemu_kernel mesh_keys nlohmann_json::nlohmann_json)
