#define BOOST_TEST_MODULE mesh_istio
#include <boost/test/unit_test.hpp>
