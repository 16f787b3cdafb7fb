# TLS: certificates, and both sides of a session.
labctl_test(mesh_tls_test unit
  SOURCES unit/mesh_tls_main.cc unit/mesh_tls_fixture.cc unit/mesh_tls_certificate_test.cc unit/mesh_tls_session_test.cc
          unit/mesh_tls_hostile_test.cc unit/mesh_tls_verify_test.cc unit/mesh_tls_openssl_test.cc
          unit/mesh_client_hello_test.cc
  LINK mesh_tls OpenSSL::SSL OpenSSL::Crypto)
