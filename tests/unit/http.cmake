labctl_test(http_test unit
  SOURCES unit/http_parser_test.cc unit/http_hostile_test.cc unit/http_forward_test.cc unit/http_writer_test.cc unit/http_h2_test.cc unit/http_grpc_test.cc unit/http_h2_streams_test.cc unit/http_h2_frames.cc unit/http_normalize_path_test.cc unit/http_client_certificate_test.cc
  LINK mesh_http)
