labctl_test(supervisor_test unit
  SOURCES unit/supervisor_test.cc unit/supervisor_drop_test.cc unit/supervisor_api_test.cc
          unit/supervisor_iptables_text_test.cc unit/supervisor_bird_test.cc
          unit/supervisor_mesh_test.cc unit/supervisor_admission_test.cc
  LINK labctl_supervisor mesh_authority)
