#define BOOST_TEST_MODULE cni
#include <boost/test/unit_test.hpp>

#include "labctl/cni/error.h"
#include "labctl/cni/request.h"
#include "labctl/cni/version.h"

using namespace labctl::cni;
using labctl::api::Json;

namespace {

Environment environment(const std::string& command) {
    return {
        {"CNI_COMMAND", command},
        {"CNI_CONTAINERID", "cnitool-06f0fa83"},
        {"CNI_NETNS", "/var/run/netns/test"},
        {"CNI_IFNAME", "eth0"},
        {"CNI_PATH", "/opt/cni/bin"}};
}

Json config() {
    return {{"cniVersion", "1.1.0"}, {"name", "dbnet"}, {"type", "labctl"}, {"lab", "demo"}};
}

int code_of(const Environment& env, const std::string& text) {
    try {
        (void)read_request(env, text);
        return 0;
    } catch (const CniError& error) {
        return static_cast<int>(error.code());
    }
}

int code_with(const std::string& field, const Json& value, const std::string& command = "ADD") {
    auto json = config();
    json[field] = value;
    return code_of(environment(command), json.dump());
}

int code_without(const std::string& variable, const std::string& command = "ADD") {
    auto env = environment(command);
    env.erase(variable);
    return code_of(env, config().dump());
}

} // namespace

BOOST_AUTO_TEST_CASE(a_request_is_read_from_environment_and_configuration) {
    auto env = environment("ADD");
    env["CNI_ARGS"] = "IgnoreUnknown=1;K8S_POD_NAMESPACE=prod;K8S_POD_NAME=Web_1;IP=10.244.1.9";
    auto json = config();
    json["node"] = "node-2";
    json["labels"] = {{"app", "web"}};
    json["args"]["cni"]["labels"] = Json::array({{{"key", "tier"}, {"value", "front"}}});
    const auto request = read_request(env, json.dump());
    BOOST_TEST(static_cast<int>(request.command) == static_cast<int>(Command::Add));
    BOOST_TEST(request.config.lab == "demo");
    BOOST_TEST(request.config.node == "node-2");
    BOOST_TEST(request.pod_namespace() == "prod");
    BOOST_TEST(request.pod_name() == "web-1");
    BOOST_TEST(request.config.labels.at("app") == "web");
    BOOST_TEST(request.config.labels.at("tier") == "front");
    BOOST_TEST(request.config.ips.at(0).to_string() == "10.244.1.9");
}

BOOST_AUTO_TEST_CASE(the_configuration_names_the_namespace_above_all) {
    auto env = environment("ADD");
    env["CNI_ARGS"] = "K8S_POD_NAMESPACE=prod";
    auto json = config();
    BOOST_TEST(read_request(env, json.dump()).pod_namespace() == "prod");
    json["namespace"] = "default";
    BOOST_TEST(read_request(env, json.dump()).pod_namespace() == "default");
    BOOST_TEST(read_request(env, json.dump()).pod_name() == "cnitool-06f0fa83");
}

BOOST_AUTO_TEST_CASE(every_version_of_0_3_0_to_1_1_0_is_spoken_and_no_other) {
    for (const auto& version : supported_versions()) {
        BOOST_TEST(code_with("cniVersion", version) == 0, version);
    }
    for (const auto* version : {"0.2.0", "1.2.0", "1", "x", ""}) {
        BOOST_TEST(code_with("cniVersion", version) == 1, version);
    }
}

BOOST_AUTO_TEST_CASE(a_command_is_known_since_its_version) {
    for (const auto* version : {"0.3.0", "0.3.1"}) {
        BOOST_TEST(code_with("cniVersion", version, "CHECK") == 1);
    }
    for (const auto* command : {"GC", "STATUS"}) {
        BOOST_TEST(code_with("cniVersion", "1.0.0", command) == 1);
    }
    BOOST_TEST(code_of({{"CNI_COMMAND", "STATUS"}}, config().dump()) == 0);
}

BOOST_AUTO_TEST_CASE(missing_and_invalid_variables_are_code_4) {
    for (const auto* variable : {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_COMMAND"}) {
        BOOST_TEST(code_without(variable) == 4, variable);
    }
    BOOST_TEST(code_without("CNI_NETNS", "DEL") == 0); // the namespace may be gone
    BOOST_TEST(code_without("CNI_PATH") == 0);         // nobody is delegated to
    for (const auto* name : {"a/b", "..", "sixteen-letters-x", "a b", "a:b"}) {
        auto env = environment("ADD");
        env["CNI_IFNAME"] = name;
        BOOST_TEST(code_of(env, config().dump()) == 4, name);
    }
    auto env = environment("ADD");
    env["CNI_CONTAINERID"] = "-x";
    BOOST_TEST(code_of(env, config().dump()) == 4);
    env = environment("ADD");
    env["CNI_ARGS"] = "no-value";
    BOOST_TEST(code_of(env, config().dump()) == 4);
}

BOOST_AUTO_TEST_CASE(what_is_no_json_object_is_code_6) {
    for (const auto* text : {"", "{", "[]", "\"x\"", "{\"a\": }"}) {
        BOOST_TEST(code_of(environment("ADD"), text) == 6, text);
    }
}

BOOST_AUTO_TEST_CASE(invalid_configurations_are_code_7) {
    BOOST_TEST(code_with("name", "a/b") == 7);
    BOOST_TEST(code_with("name", "") == 7);
    BOOST_TEST(code_with("lab", "") == 7);
    BOOST_TEST(code_with("lab", 7) == 7);
    BOOST_TEST(code_with("labels", "x") == 7);
    BOOST_TEST(code_with("labels", {{"a", 1}}) == 7);
    BOOST_TEST(code_with("args", {{"cni", {{"ips", {"nowhere"}}}}}) == 7);
    BOOST_TEST(code_of(environment("CHECK"), config().dump()) == 7); // no prevResult
    BOOST_TEST(code_of(environment("GC"), config().dump()) == 7);    // no list
}

BOOST_AUTO_TEST_CASE(fields_that_are_not_known_are_code_2_with_key_and_value) {
    BOOST_TEST(code_with("nod", "node-1") == 2);
    BOOST_TEST(code_with("ipam", {{"type", "host-local"}}) == 2);
    BOOST_TEST(code_with("ipam", Json::object()) == 0);
    BOOST_TEST(code_with("cni.dev/attachments", Json::array()) == 0);
    try {
        auto json = config();
        json["nod"] = "node-1";
        (void)read_request(environment("ADD"), json.dump());
        BOOST_TEST(false);
    } catch (const CniError& error) {
        BOOST_TEST(std::string(error.what()) == "unsupported field: nod: \"node-1\"");
    }
}

BOOST_AUTO_TEST_CASE(gc_lists_what_is_still_there) {
    auto json = config();
    json["cni.dev/valid-attachments"] = Json::array({{{"containerID", "a"}, {"ifname", "eth0"}}});
    const auto request = read_request({{"CNI_COMMAND", "GC"}}, json.dump());
    BOOST_TEST(request.config.valid->contains({"a", "eth0"}));
    json["cni.dev/valid-attachments"] = Json::array({{{"containerID", "a"}}});
    BOOST_TEST(code_of({{"CNI_COMMAND", "GC"}}, json.dump()) == 7);
}

BOOST_AUTO_TEST_CASE(an_error_is_as_the_specification_has_it) {
    const auto json = CniError(Code::InvalidConfig, "Invalid Configuration", "Network too small")
                          .to_json("1.1.0");
    BOOST_TEST(json == Json::parse(R"({"cniVersion": "1.1.0", "code": 7,
                                "msg": "Invalid Configuration", "details": "Network too small"})"));
}

BOOST_AUTO_TEST_CASE(version_answers_to_anything) {
    BOOST_TEST(version_answer(R"({"cniVersion": "0.4.0"})")["cniVersion"] == "0.4.0");
    BOOST_TEST(version_answer("nonsense")["cniVersion"] == "1.1.0");
    BOOST_TEST(version_answer("")["supportedVersions"].size() == 5U);
    BOOST_TEST(code_of({{"CNI_COMMAND", "VERSION"}}, "") == 0);
}
