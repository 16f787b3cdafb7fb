labctl_test(api_test unit
  SOURCES unit/api_field_selector_test.cc unit/api_protobuf_test.cc
  LINK labctl_api)
# The store with its journal, and the cluster: addresses, scheduling, controllers, edits.
labctl_test(store_test unit
  SOURCES unit/store_test.cc unit/store_journal_test.cc unit/store_journal_file_test.cc unit/store_undo_test.cc
  LINK labctl_store)
labctl_test(compile_cluster_test unit
  SOURCES unit/compile_cluster_main.cc unit/compile_config_test.cc unit/compile_ipam_test.cc
          unit/compile_scheduler_test.cc unit/compile_pod_status_test.cc unit/compile_pod_target_test.cc unit/compile_strategic_patch_test.cc
          unit/compile_deployment_test.cc unit/compile_replicaset_test.cc
          unit/compile_statefulset_test.cc unit/compile_daemonset_test.cc unit/compile_job_test.cc
          unit/compile_apply_test.cc unit/compile_edit_test.cc unit/compile_garbage_test.cc
          unit/compile_restart_test.cc unit/compile_naming_test.cc unit/compile_dns_test.cc
          unit/compile_host_ports_test.cc unit/compile_node_cache_test.cc unit/compile_dns_files_test.cc
  LINK labctl_compile)
labctl_test(compile_speed_test bench
  SOURCES unit/compile_speed_test.cc
  LINK labctl_compile)
