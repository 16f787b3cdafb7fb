#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "services/ingress.h"
#include "tests/netns/served_net.h"

namespace test {

/// An Ingress controller, in/ctl on 10.1.0.10 and fd00::10, ports 80 and 443; built-in workloads
/// x/w1 and x/w2; tests/netns/ingress_server.py on 10.1.0.31 and .32, port 8080, called r1 and r2;
/// and a client's namespace.
class IngressNet : public ServedNet {
public:
    IngressNet();

    void change(const services::IngressTable& changed);
    /// Ends the controller's pod and begins another.
    void serve_controller_again();
    std::vector<std::string> logs() { return ServedNet::logs("in/ctl"); }

    TestClient connect(int port = 80, bool v6 = false);
    /// On a connection of its own, which it closes: all that is answered.
    std::string ask(std::string_view bytes, int port = 80);
    std::string get(const std::string& path, const std::string& host = "real");
    Command curl(const std::string& arguments);
    Command client(const std::string& command) { return net.run("client", command); }
    /// How often the endpoint was asked for this, as /seen says it; "connections" too.
    long seen(const std::string& what, const std::string& endpoint = "10.1.0.31") {
        return seen_at("client", endpoint, what);
    }

    static std::string pem(const std::string& name);

    services::IngressTable table; // what the controller begins with

private:
    void serve_controller();
};

/// A table with one host, "real", all of whose paths lead to these.
services::IngressTable one_backend(const std::vector<std::string>& endpoints);

} // namespace test
