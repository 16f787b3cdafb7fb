# Not a test: ci/bench runs it.
add_executable(dataplane_bench ${PROJECT_SOURCE_DIR}/tests/bench/dataplane_bench.cc
  ${PROJECT_SOURCE_DIR}/tests/netns/dataplane_net.cc)
target_link_libraries(dataplane_bench PRIVATE labctl_options labctl_dataplane)
