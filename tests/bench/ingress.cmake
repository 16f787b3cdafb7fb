# Not a test: tests/bench/ingress_compare runs it beside nginx.
add_executable(ingress_bench ${PROJECT_SOURCE_DIR}/tests/bench/ingress_bench.cc)
target_link_libraries(ingress_bench PRIVATE labctl_options labctl_dataplane services)
