# JSON, tokens, and what RequestAuthentications make of them.
labctl_test(mesh_jwt_test unit
  SOURCES unit/mesh_jwt_main.cc unit/mesh_jwt_fixture.cc unit/mesh_json_test.cc unit/mesh_jwt_token_test.cc
          unit/mesh_jwt_keys_test.cc unit/mesh_jwt_request_test.cc
  LINK mesh_jwt OpenSSL::Crypto)
