labctl_test(cni_test unit
  SOURCES unit/cni_request_test.cc unit/cni_result_test.cc unit/cni_conflist_test.cc
  LINK labctl_cni)
