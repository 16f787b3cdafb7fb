# Keys of Curve25519.
labctl_test(mesh_keys_test unit
  SOURCES unit/mesh_keys_test.cc
  LINK mesh_keys)
