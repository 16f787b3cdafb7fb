labctl_test(dataplane_netns_test netns
  SOURCES netns/dataplane_main.cc netns/dataplane_net.cc netns/dataplane_workload_test.cc
          netns/dataplane_probe_test.cc netns/dataplane_dns_test.cc netns/dataplane_forward_test.cc
          netns/dataplane_proxy_test.cc netns/dataplane_drop_test.cc netns/dataplane_tls_test.cc
          netns/ingress_net.cc netns/dataplane_ingress_test.cc netns/dataplane_ingress_client_test.cc netns/dataplane_ingress_time_test.cc
  LINK labctl_dataplane dns services mesh_http)
