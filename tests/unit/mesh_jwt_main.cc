#define BOOST_TEST_MODULE mesh_jwt
#include <boost/test/unit_test.hpp>
