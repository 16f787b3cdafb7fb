labctl_test(learn_test unit
  SOURCES unit/learn_main.cc unit/learn_author_test.cc unit/learn_read_test.cc unit/learn_score_test.cc unit/learn_snapshot_test.cc unit/learn_quiz_test.cc
          unit/learn_report_test.cc unit/learn_fixture.cc
  LINK labctl_learn labctl_report)
