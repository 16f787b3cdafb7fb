#define BOOST_TEST_MODULE mesh_authority
#include <boost/test/unit_test.hpp>
