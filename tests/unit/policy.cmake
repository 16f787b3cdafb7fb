# Policies: the evaluator row by row of the reference, and against a slow one on random policies.
labctl_test(policy_test unit
  SOURCES unit/services_main.cc unit/policy_fixture.cc unit/policy_selector_test.cc unit/policy_rules_test.cc
    unit/policy_tiers_test.cc unit/policy_random_test.cc unit/policy_map_test.cc
    support/policy_reference.cc support/policy_shrink.cc support/policy_text.cc support/random_policies.cc
  LINK services)
labctl_test(policy_speed_test bench
  SOURCES unit/policy_speed_test.cc
  LINK services)
# From objects to the values that the evaluator takes.
labctl_test(compile_policy_test unit
  SOURCES unit/compile_cluster_main.cc unit/policy_fixture.cc unit/compile_policy_test.cc
    unit/explain_policy_lint_test.cc unit/explain_policy_matrix_test.cc support/imagined_lab.cc
  LINK labctl_explain labctl_manifest)
