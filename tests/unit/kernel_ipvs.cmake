# Messages of the kernel room as bytes, without a kernel.
labctl_test(kernel_codec_test unit
  SOURCES unit/kernel_ipvs_test.cc unit/kernel_ports_test.cc
  LINK netemu_kernel PkgConfig::MNL)
