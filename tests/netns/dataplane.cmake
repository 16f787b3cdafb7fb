labctl_test(dataplane_netns_test netns
  SOURCES netns/dataplane_main.cc netns/dataplane_net.cc netns/dataplane_workload_test.cc
          netns/dataplane_grpc_test.cc netns/dataplane_probe_test.cc netns/dataplane_dns_test.cc netns/dataplane_forward_test.cc
          netns/dataplane_proxy_test.cc netns/dataplane_drop_test.cc netns/dataplane_tls_test.cc
          netns/served_net.cc netns/ingress_net.cc netns/dataplane_ingress_test.cc netns/dataplane_ingress_client_test.cc netns/dataplane_ingress_http2_test.cc netns/dataplane_ingress_time_test.cc
  LINK labctl_dataplane dns services mesh_http)
# Sidecars: pods whose connections netfilter leads to the data plane, and real endpoints behind it.
labctl_test(sidecar_netns_test netns
  SOURCES netns/dataplane_main.cc netns/dataplane_net.cc netns/served_net.cc netns/sidecar_net.cc
          netns/dataplane_sidecar_test.cc netns/dataplane_sidecar_http_test.cc netns/dataplane_sidecar_http2_test.cc netns/dataplane_sidecar_token_test.cc netns/dataplane_sidecar_metrics_test.cc netns/dataplane_sidecar_tcp_test.cc
          netns/dataplane_sidecar_change_test.cc netns/dataplane_sidecar_endpoint_test.cc
          netns/dataplane_sidecar_traffic_test.cc netns/dataplane_sidecar_destination_test.cc
  LINK labctl_dataplane labctl_compile mesh_authority mesh_http mesh_tls dns services)
