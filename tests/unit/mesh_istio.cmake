# Istio's AuthorizationPolicy and PeerAuthentication as values.
labctl_test(mesh_istio_test unit
  SOURCES unit/mesh_istio_main.cc unit/mesh_istio_fixture.cc unit/mesh_istio_fields_test.cc unit/mesh_istio_decision_test.cc
          unit/mesh_istio_match_test.cc unit/mesh_istio_random_test.cc unit/mesh_istio_peer_authentication_test.cc unit/mesh_istio_traffic_test.cc unit/mesh_istio_destination_test.cc
  LINK mesh_istio)
