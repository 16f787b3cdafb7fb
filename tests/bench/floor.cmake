# Not tests. The floor is what ci/bench compares labctl with; the other tells how near the kernel room alone
# comes to it.
add_executable(bench_floor bench/floor.cc)
target_link_libraries(bench_floor PRIVATE labctl_options netemu_kernel)

add_executable(bench_kernel bench/kernel_apply.cc support/cluster.cc)
target_link_libraries(bench_kernel PRIVATE labctl_options labctl_compile netemu_kernel)

add_executable(bench_nft bench/nft_load.cc support/service_tables.cc)
target_link_libraries(bench_nft PRIVATE labctl_options netemu_kernel)

# Load for a tunnel, between two pods.
add_executable(bench_tunnel bench/tunnel_load.cc)
target_link_libraries(bench_tunnel PRIVATE labctl_options netemu_base)
