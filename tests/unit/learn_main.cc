#define BOOST_TEST_MODULE learn
#include <boost/test/unit_test.hpp>
