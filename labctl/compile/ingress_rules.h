#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/ingress_backends.h"
#include "labctl/compile/ingress_note.h"
#include "labctl/compile/slice_names.h"
#include "labctl/store/store.h"
#include "services/ingress.h"

namespace mesh {
class TlsIdentity;
}

namespace labctl::compile {

/// Makes the rules of all controllers from the store, once: `build`, then what it has found.
/// Internal to this folder.
class IngressRulesBuilder {
public:
    IngressRulesBuilder(const store::Store& store, const SliceNames& slices)
        : store_(store), backends_(store, slices) {}

    void build();

    std::map<std::string, services::IngressTable> tables; // by controller
    std::vector<IngressNote> notes;
    std::set<std::pair<std::string, std::string>>
        secrets; // namespace and name, that Ingresses name
    [[nodiscard]] const std::set<IngressBackends::ServiceKey>& services() const {
        return backends_.services();
    }

private:
    void warn(const char* reason, std::string text, std::string path);
    void add(const api::ObjectPtr& ingress);
    void explain_nobody();
    [[nodiscard]] std::string known_classes() const;
    void warn_of_annotations();
    std::uint32_t backend_index(const api::Json& backend, const std::string& path);
    [[nodiscard]] bool is_grpc() const; // its backends, it says
    void add_rule(
        const api::Json& rule,
        const std::optional<std::uint32_t>& default_backend,
        const std::string& where);
    void add_certificate(const api::Json& tls, const std::string& where);
    void add_host(
        services::IngressCertificate& certificate,
        const mesh::TlsIdentity& identity,
        const std::string& host,
        const std::string& path);

    const store::Store& store_;
    IngressBackends backends_;
    api::ObjectPtr ingress_; // that is being added
    std::string name_;       // its "NS/NAME"
    services::IngressTable* table_ = nullptr;
};

} // namespace labctl::compile
