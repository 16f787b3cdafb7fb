#define BOOST_TEST_MODULE compile_cluster
#include <boost/test/unit_test.hpp>
