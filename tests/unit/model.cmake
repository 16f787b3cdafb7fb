labctl_test(base_test unit
  SOURCES unit/base_main.cc unit/base_address_test.cc unit/base_base64_test.cc unit/base_sha1_test.cc unit/base_text_test.cc unit/base_event_loop_test.cc unit/base_accept_pause_test.cc
    unit/base_process_test.cc
  LINK netemu_base)
labctl_test(model_test unit
  SOURCES unit/model_main.cc unit/model_ipvs_test.cc unit/model_nft_test.cc unit/model_packet_test.cc unit/model_plan_test.cc unit/model_random_test.cc unit/model_text_test.cc unit/model_wireguard_test.cc
    support/fake_kernel.cc support/random_network.cc support/random_ports.cc support/service_tables.cc support/state_text.cc
  LINK netemu_model)
labctl_test(network_test unit
  SOURCES unit/network_main.cc unit/network_compile_test.cc unit/network_fault_test.cc unit/network_golden_test.cc
    unit/bgp_test.cc unit/explain_packet_path_test.cc unit/network_profile_test.cc
    unit/network_speed_test.cc
    support/cluster.cc support/fake_kernel.cc support/state_text.cc
  LINK labctl_explain)
