# The rules of the proxy modes on the real kernel, read back with nft and iptables-save.
labctl_test(services_netns_test netns
  SOURCES
    netns/kernel_fixture.cc
    netns/services_iptables_test.cc
    netns/services_nftables_test.cc
    support/netns_main.cc
    unit/services_fixture.cc
  LINK services netemu_kernel nlohmann_json::nlohmann_json)
