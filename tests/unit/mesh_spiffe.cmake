# SPIFFE IDs and when certificates are renewed.
labctl_test(mesh_spiffe_test unit
  SOURCES unit/mesh_spiffe_test.cc
  LINK mesh_spiffe)
# Authorities, their SVIDs, and TLS between those that have some.
labctl_test(mesh_authority_test unit
  SOURCES unit/mesh_authority_main.cc unit/mesh_authority_test.cc unit/mesh_svid_test.cc unit/mesh_svid_fixture.cc
          unit/mesh_tls_fixture.cc
  LINK mesh_authority OpenSSL::SSL OpenSSL::Crypto)
