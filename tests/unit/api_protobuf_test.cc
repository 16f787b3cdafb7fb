#include <boost/test/unit_test.hpp>

#include "labctl/api/protobuf.h"
#include "labctl/api/status_error.h"

using namespace labctl::api;

namespace {

std::string bytes_of(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    }
    return bytes;
}

struct Sent {
    const char* by; // the command of kubectl 1.32 that has sent it
    const char* hex;
    const char* json;
};

// What `kubectl create` has sent, byte for byte.
const std::vector<Sent>& sent() {
    static const std::vector<Sent> kSent{
        {"create namespace foo",
         "6b3873000a0f0a02763112094e616d657370616365121b0a130a03666f6f12001a0022002a003200380042001"
         "200"
         "1a020a001a002200",
         R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"foo"},"spec":{}})"},
        {"create deployment x --image=web --port=80 --replicas=0",
         "6b3873000a150a07617070732f7631120a4465706c6f796d656e7412ab010a1b0a017812001a0022002a00320"
         "038"
         "0042005a080a03617070120178127e0800120a0a080a036170701201781a660a1a0a0012001a0022002a00320"
         "038"
         "0042005a080a036170701201781248122a0a0377656212037765622a00320a0a001000185022002a0042006a0"
         "072"
         "00800100880100900100a201001a00320042004a0052005800600068008201008a01009a0100c2010022020a0"
         "028"
         "0038001a0c0800100018002000280038001a002200",
         R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"x"},"name":"x"},
          "spec":{"paused":false,"replicas":0,"selector":{"matchLabels":{"app":"x"}},"strategy":{},
          "template":{"metadata":{"labels":{"app":"x"}},"spec":{"containers":[{"image":"web","name":"web",
          "ports":[{"containerPort":80}],"resources":{},"stdin":false,"tty":false}],"hostNetwork":false}}}})"},
        {"create service nodeport np --tcp=80:http",
         "6b3873000a0d0a02763112075365727669636512680a1d0a026e7012001a0022002a003200380042005a090a0"
         "361"
         "707012026e7012430a1e0a0738302d6874747012035443501850220a080110001a0468747470280012090a036"
         "170"
         "7012026e701a0022084e6f6465506f72743a00420052005a00600068001a020a001a002200",
         R"({"apiVersion":"v1","kind":"Service","metadata":{"labels":{"app":"np"},"name":"np"},
          "spec":{"ports":[{"name":"80-http","port":80,"protocol":"TCP","targetPort":"http"}],
          "publishNotReadyAddresses":false,"selector":{"app":"np"},"type":"NodePort"}})"},
        {"create configmap cm --from-literal=a=b",
         "6b3873000a0f0a0276311209436f6e6669674d6170121c0a120a02636d12001a0022002a00320038004200120"
         "601"
         "0a",
         nullptr},
        {"create secret generic s --from-literal=p=q",
         "6b3873000a0c0a0276311206536563726574121d0a110a017312001a0022002a0032003800420012060a01701"
         "201"
         "711a001a002200",
         R"({"apiVersion":"v1","data":{"p":"cQ=="},"kind":"Secret","metadata":{"name":"s"}})"},
        {"create ingress ing --rule=foo.com/a*=x:80,tls=sec --default-backend=x:web",
         "6b3873000a1f0a146e6574776f726b696e672e6b38732e696f2f76311207496e677265737312650a130a03696"
         "e67"
         "12001a0022002a00320038004200124a0a0e220c0a017812070a037765621000120e0a07666f6f2e636f6d120"
         "373"
         "65631a280a07666f6f2e636f6d121d0a1b0a190a022f61120b22090a017812040a0010501a065072656669781"
         "a02"
         "0a001a002200",
         R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"ing"},
          "spec":{"defaultBackend":{"service":{"name":"x","port":{"name":"web"}}},
          "rules":[{"host":"foo.com","http":{"paths":[{"backend":{"service":{"name":"x","port":{"number":80}}},
          "path":"/a","pathType":"Prefix"}]}}],"tls":[{"hosts":["foo.com"],"secretName":"sec"}]}})"},
        {"create job j --image=web -- sh -c 'exit 0'",
         "6b3873000a0f0a0862617463682f763112034a6f621284010a110a016a12001a0022002a00320038004200126"
         "532"
         "630a100a0012001a0022002a00320038004200124f122c0a016a12037765621a0273681a022d631a066578697"
         "420"
         "302a0042006a007200800100880100900100a201001a054e65766572320042004a00520058006000680082010"
         "08a01009a0100c201001a082000280030003a001a002200",
         R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j"},"spec":{"template":{"metadata":{},
          "spec":{"containers":[{"command":["sh","-c","exit 0"],"image":"web","name":"j","resources":{},
          "stdin":false,"tty":false}],"hostNetwork":false,"restartPolicy":"Never"}}}})"},
        {"drain (the options of a deletion)",
         "6b3873000a130a027631120d44656c6574654f7074696f6e7312001a002200",
         R"({"apiVersion":"v1","kind":"DeleteOptions"})"}};
    return kSent;
}

} // namespace

BOOST_AUTO_TEST_CASE(what_kubectl_sends_as_protobuf_is_what_it_would_send_as_json) {
    for (const auto& each : sent()) {
        const auto bytes = bytes_of(each.hex);
        BOOST_TEST(is_kubernetes_protobuf(bytes), each.by);
        if (each.json == nullptr) { // a body that ends too soon
            BOOST_CHECK_THROW((void)decode_kubernetes_protobuf(bytes), StatusError);
            continue;
        }
        BOOST_TEST(
            decode_kubernetes_protobuf(bytes).dump() == Json::parse(each.json).dump(), each.by);
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_refused_and_nothing_is_lost) {
    // `kubectl create priorityclass`, a kind without a table.
    BOOST_CHECK_EXCEPTION(
        (void)decode_kubernetes_protobuf(bytes_of("6b3873000a250a147363686564756c696e672e6b38732e69"
                                                  "6f2f7631120d5072696f72697479436c61737312"
                                                  "2f0a110a017012001a0022002a0032003800420010011800"
                                                  "22002a14507265656d70744c6f7765725072696f"
                                                  "726974791a002200")),
        StatusError,
        [](const StatusError& error) {
            return error.code() == 415 &&
                   std::string(error.what()) == "the kind 'PriorityClass' is read as JSON only";
        });
    // A ConfigMap with a field 9 that says something, and with one that says nothing.
    const std::string head = "6b3873000a0f0a0276311209436f6e6669674d6170";
    BOOST_CHECK_EXCEPTION(
        (void)decode_kubernetes_protobuf(bytes_of(head + "12024801")),
        StatusError,
        [](const StatusError& error) {
            return error.code() == 415 &&
                   std::string(error.what()) == "field 9 of ConfigMap is read as JSON only";
        });
    BOOST_TEST(decode_kubernetes_protobuf(bytes_of(head + "12024800")).size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_body_that_is_cut_off_or_damaged_is_a_bad_request) {
    const auto whole = bytes_of(sent()[1].hex);
    for (std::size_t size = 0; size < whole.size(); ++size) { // no crash, no endless loop
        try {
            (void)decode_kubernetes_protobuf(std::string_view(whole).substr(0, size));
        } catch (const StatusError& error) {
            BOOST_TEST((error.code() == 400 || error.code() == 415));
        }
    }
    for (std::size_t at = 4; at < whole.size(); ++at) {
        auto damaged = whole;
        damaged[at] = static_cast<char>(0xff);
        try {
            (void)decode_kubernetes_protobuf(damaged);
        } catch (const StatusError& error) {
            BOOST_TEST((error.code() == 400 || error.code() == 415));
        }
    }
    BOOST_CHECK_THROW((void)decode_kubernetes_protobuf("{}"), StatusError);
    BOOST_CHECK_THROW((void)decode_kubernetes_protobuf(""), StatusError);
}
