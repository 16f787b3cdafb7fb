#define BOOST_TEST_MODULE mesh_tls
#include <boost/test/unit_test.hpp>
