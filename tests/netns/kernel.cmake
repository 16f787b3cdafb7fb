# The kernel room against the real kernel, in namespaces that the test makes for itself.
labctl_test(kernel_netns_test netns
  SOURCES
    netns/kernel_capture_test.cc
    netns/kernel_entry_test.cc
    netns/kernel_error_test.cc
    netns/kernel_features_test.cc
    netns/kernel_fixture.cc
    netns/kernel_link_test.cc
    netns/kernel_network_test.cc
    netns/kernel_nft_test.cc
    netns/nft_service_test.cc
    netns/nft_statements_test.cc
    netns/two_nodes.cc
    support/netns_main.cc
    support/state_text.cc
    support/random_network.cc
  LINK netemu_kernel nlohmann_json::nlohmann_json)
