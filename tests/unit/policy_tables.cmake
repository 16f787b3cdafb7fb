# Policies as nftables tables: what they say, and the small changes between them.
labctl_test(policy_tables_test unit
  SOURCES unit/services_main.cc unit/policy_fixture.cc unit/policy_tables_test.cc support/policy_random.cc
  LINK services)
