# The DNS room without a kernel. libresolv, c-ares' older cousin, is the second decoder.
labctl_test(dns_test unit
  SOURCES unit/dns_main.cc unit/dns_fixture.cc unit/dns_message_test.cc unit/dns_query_test.cc
          unit/dns_zone_test.cc unit/dns_zone_change_test.cc unit/dns_resolver_test.cc unit/dns_cache_test.cc
          unit/dns_corefile_test.cc unit/dns_resolv_conf_test.cc unit/dns_stub_test.cc unit/dns_garbage_test.cc
          unit/dns_loop_test.cc unit/dns_service_table_test.cc
  LINK dns resolv)
