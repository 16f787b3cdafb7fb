labctl_test(embedded_test unit SOURCES unit/embedded_test.cc LINK labctl_embedded)
