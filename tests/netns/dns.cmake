# The DNS room on real sockets, asked by other people's tools.
labctl_test(dns_netns_test netns
  SOURCES netns/dns_net.cc netns/dns_server_test.cc netns/dns_tcp_test.cc netns/dns_forwarder_test.cc
          unit/dns_fixture.cc support/netns_main.cc
  LINK dns nlohmann_json::nlohmann_json)
