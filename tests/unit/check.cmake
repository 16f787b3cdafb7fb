labctl_test(check_test unit
  SOURCES unit/check_parse_test.cc unit/check_selector_test.cc unit/check_evaluate_test.cc
          unit/check_deny_test.cc unit/check_during_test.cc unit/check_model_test.cc unit/check_wire_matrix_test.cc
          unit/check_fixture.cc
  LINK labctl_check)
