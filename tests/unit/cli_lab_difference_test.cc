#include <nlohmann/json.hpp>

#include <boost/test/unit_test.hpp>

#include "labctl/cli/lab_difference.h"

// NOLINTBEGIN: Boost.Test's macros
using labctl::cli::lab_differences;
using labctl::cli::LabDifference;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(lab_difference)

BOOST_AUTO_TEST_CASE(only_the_spec_counts) {
    const auto running = json::parse(R"({"metadata": {"name": "a"}, "spec": {"nodes": 2}})");
    const auto wanted =
        json::parse(R"({"metadata": {"name": "b", "labels": {"x": "y"}}, "spec": {"nodes": 2}})");
    BOOST_TEST(lab_differences(running, wanted).empty());
}

BOOST_AUTO_TEST_CASE(leaves_are_told_by_their_paths) {
    const auto running = json::parse(
        R"({"spec": {"nodes": 2, "cni": {"profile": "bridge", "mtu": "auto"}, "proxy": {"mode": "nftables"}}})");
    const auto wanted = json::parse(
        R"({"spec": {"nodes": [{"name": "a"}], "cni": {"profile": "calico", "mtu": "auto"},
                     "mesh": {"profile": "istio"}}})");
    const std::vector<LabDifference> expected{
        {"spec.cni.profile", "bridge", "calico"},
        {"spec.mesh.profile", "", "istio"},
        {"spec.nodes", "2", R"([{"name":"a"}])"},
        {"spec.proxy.mode", "nftables", ""}};
    BOOST_TEST((lab_differences(running, wanted) == expected));
}

BOOST_AUTO_TEST_CASE(lists_are_values) {
    const auto one = json::parse(R"({"spec": {"images": [{"match": "a"}, {"match": "b"}]}})");
    const auto other = json::parse(R"({"spec": {"images": [{"match": "b"}, {"match": "a"}]}})");
    BOOST_TEST(lab_differences(one, other).size() == 1U);
    BOOST_TEST(lab_differences(one, one).empty());
    BOOST_TEST(lab_differences(json::object(), json::object()).empty());
}

BOOST_AUTO_TEST_CASE(files_beside_the_lab_file_count) {
    const auto lab = [](const std::string& conflist,
                        const std::string& directory,
                        const std::string& mode = "nftables") {
        return json{
            {"metadata",
             {{"annotations",
               {{"labctl.dev/cni-conflist", conflist}, {"labctl.dev/directory", directory}}}}},
            {"spec",
             {{"cni", {{"conflist", "net.conflist"}, {"binDir", "bin"}, {"dataDir", "/var/x"}}},
              {"images", {{{"match", "a"}, {"rootfs", "tree"}}, {{"match", "b"}}}},
              {"proxy", {{"mode", mode}}}}}};
    };
    const std::string text = R"({"name": "n", "plugins": [{"type": "bridge", "mtu": 1450}]})";
    const auto running = lab(text, "/a");
    BOOST_TEST(lab_differences(running, lab("\n" + json::parse(text).dump(2), "/a")).empty());
    const auto changed =
        lab(R"({"name": "n", "plugins": [{"type": "bridge", "mtu": 1400}, {"type": "portmap"}]})",
            "/a",
            "iptables");
    const std::vector<LabDifference> in_text{
        {"spec.proxy.mode", "nftables", "iptables"},
        {"spec.cni.conflist/plugins/0/mtu", "1450", "1400"},
        {"spec.cni.conflist/plugins/1/type", "", "portmap"}};
    BOOST_TEST((lab_differences(running, changed) == in_text));
    const std::vector<LabDifference> elsewhere{
        {"spec.cni.binDir", "/a/bin", "/b/bin"}, {"spec.images[].rootfs", "/a/tree", "/b/tree"}};
    BOOST_TEST((lab_differences(running, lab(text, "/b")) == elsewhere));
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
