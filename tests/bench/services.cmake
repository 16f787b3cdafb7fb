# Not a test: what rules for 10,000 Services cost to make, and what one change costs then.
add_executable(bench_services bench/services.cc)
target_link_libraries(bench_services PRIVATE labctl_options services)
