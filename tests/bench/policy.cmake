# Not a test: what policies cost to compile, to load, to change, and to each packet.
add_executable(bench_policy bench/policy.cc)
target_link_libraries(bench_policy PRIVATE labctl_options services netemu_kernel)
