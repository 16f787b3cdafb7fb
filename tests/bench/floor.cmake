# Not a test: the program that ci/bench compares labctl with.
add_executable(bench_floor bench/floor.cc)
target_link_libraries(bench_floor PRIVATE labctl_options netemu_kernel)
