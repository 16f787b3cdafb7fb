# Virtual servers in the kernel, read back with ipvsadm: on a full kernel (ci/kernel-test).
labctl_test(ipvs_netns_test netns
  SOURCES netns/ipvs_test.cc netns/kernel_fixture.cc support/netns_main.cc
  LINK netemu_kernel nlohmann_json::nlohmann_json)
