#include "tests/netns/ingress_net.h"

#include <fstream>
#include <future>
#include <iterator>

namespace test {

using labctl::dataplane::IngressServing;
using labctl::dataplane::Protocol;
using labctl::dataplane::WorkloadSpec;

services::IngressTable one_backend(const std::vector<std::string>& endpoints) {
    services::IngressTable table;
    services::IngressBackend backend{"x/real:80", {}, endpoints.empty() ? "no endpoints" : ""};
    for (const auto& endpoint : endpoints) {
        backend.endpoints.push_back(endpoint_of(endpoint, 8080));
    }
    table.backends.push_back(std::move(backend));
    table.hosts["real"].paths.push_back({services::IngressPathType::Prefix, "/", 0, "x/real"});
    return table;
}

IngressNet::IngressNet() {
    net.add("pod/in/ctl", {"10.1.0.10/16", "fd00::10/64"});
    net.add("pod/x/w1", {"10.1.0.21/16", "fd00::21/64"});
    net.add("pod/x/w2", {"10.1.0.22/16", "fd00::22/64"});
    net.add("r1", {"10.1.0.31/16", "fd00::31/64"});
    net.add("r2", {"10.1.0.32/16", "fd00::32/64"});
    net.add("client", {"10.1.0.40/16", "fd00::40/64"});
    start_server("r1", "ingress_server.py", "8080 r1", 8080);
    start_server("r2", "ingress_server.py", "8080 r2", 8080);
    table = one_backend({"10.1.0.31"});
    start(
        [this] {
            for (const auto* name : {"w1", "w2"}) {
                plane().serve(WorkloadSpec{
                    std::string("pod/x/") + name,
                    "x",
                    name,
                    "node-1",
                    {{8080, Protocol::Tcp, ""}}});
            }
            serve_controller();
            plane().change_ingress("lab", table);
        },
        3);
}

void IngressNet::serve_controller() {
    WorkloadSpec spec{
        "pod/in/ctl", "in", "ctl", "node-1", {{80, Protocol::Tcp, ""}, {443, Protocol::Tcp, ""}}};
    spec.ingress = IngressServing{"lab", {80}, {443}};
    plane().serve(spec);
}

void IngressNet::change(const services::IngressTable& changed) {
    on_loop([&] { plane().change_ingress("lab", changed); });
    (void)logs(); // the child has taken it when it has answered this
}

TestClient IngressNet::connect(int port, bool v6) {
    return dial(
        "client", endpoint_of(v6 ? "fd00::10" : "10.1.0.10", static_cast<std::uint16_t>(port)));
}

std::string IngressNet::ask(std::string_view bytes, int port) {
    auto client = connect(port);
    client.send(bytes);
    client.finish();
    return client.rest();
}

std::string IngressNet::get(const std::string& path, const std::string& host) {
    return ask(get_request(path, host));
}

Command IngressNet::curl(const std::string& arguments) {
    return client("curl -sS --noproxy '*' --max-time 30 " + arguments);
}

void IngressNet::serve_controller_again() {
    on_loop([&] { plane().withdraw("in/ctl"); });
    std::promise<void> gone; // the child has let go of the port when it has answered this
    on_loop([&] { plane().logs("x/w1", 0, [&](const auto&) { gone.set_value(); }); });
    gone.get_future().wait();
    on_loop([&] { serve_controller(); });
}

std::string IngressNet::pem(const std::string& name) {
    std::ifstream in(std::string(LABCTL_SOURCE_DIR) + "/tests/unit/data/tls/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace test
