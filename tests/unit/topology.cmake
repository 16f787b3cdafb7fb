# The underlay as a lab file describes it: what it is read to, and what is compiled from that.
labctl_test(topology_test unit
  SOURCES unit/network_main.cc unit/topology_test.cc unit/topology_input_test.cc unit/topology_bgp_test.cc unit/topology_links_test.cc unit/topology_network_test.cc unit/topology_vlan_test.cc
    support/cluster.cc support/fake_kernel.cc support/state_text.cc support/topology.cc
  LINK labctl_explain)
