#define BOOST_TEST_MODULE mesh_linkerd
#include <boost/test/unit_test.hpp>
