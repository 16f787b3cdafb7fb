# Policies in the kernel, with packets between pods of two nodes.
labctl_test(policy_netns_test netns
  SOURCES netns/policy_test.cc support/cluster.cc support/netns_main.cc support/policy_random.cc
    support/policy_shrink.cc support/policy_text.cc support/random_policies.cc
    unit/policy_fixture.cc
  LINK labctl_compile netemu_kernel nlohmann_json::nlohmann_json)
