# What the kernel tells of packets: its log and its trace, with real rules and packets.
labctl_test(packet_log_netns_test netns
  SOURCES netns/packet_log_test.cc netns/packet_trace_test.cc netns/kernel_fixture.cc support/netns_main.cc
  LINK netemu_kernel nlohmann_json::nlohmann_json)
