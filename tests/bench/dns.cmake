# Not a test: tests/bench/dns_compare runs it beside Knot.
add_executable(dns_bench ${PROJECT_SOURCE_DIR}/tests/bench/dns_bench.cc)
target_link_libraries(dns_bench PRIVATE labctl_options dns)
