# Policies: the evaluator, row by row of the reference.
labctl_test(policy_test unit
  SOURCES unit/services_main.cc unit/policy_fixture.cc unit/policy_selector_test.cc unit/policy_rules_test.cc
    unit/policy_tiers_test.cc
  LINK services)
