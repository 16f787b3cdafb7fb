labctl_test(stream_test unit
  SOURCES unit/stream_main.cc unit/stream_websocket_test.cc unit/stream_spdy_test.cc unit/stream_spdy_session_test.cc
          unit/stream_upgrade_test.cc unit/stream_peer_test.cc unit/stream_socket_test.cc
  LINK labctl_stream)
