#pragma once

#include <memory>
#include <string>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/proxies.h"
#include "labctl/compile/sidecars.h"
#include "labctl/store/store.h"

/// A shop in a mesh, for tests of what is told of it: shop/frontend calls Service shop/backend (80
/// is http, 9000 is tcp, 7000 says nothing; its pods listen on 8080, 9000 and 7000) and the
/// headless shop/db (5432); legacy/old and Service legacy/plain have no sidecars.
namespace labctl::test {

struct MeshLab {
    /// The shop and these further manifests.
    explicit MeshLab(const std::string& yaml = {});

    /// What explain_path and explain_mesh make of a question.
    [[nodiscard]] api::Json
    explain(const std::string& from, const std::string& to, const std::string& method = "GET");
    /// The same of a request with this in its field `authorization`.
    [[nodiscard]] api::Json explain_with_token(
        const std::string& from, const std::string& to, const std::string& authorization);
    /// The only story of `explain` about what comes in.
    [[nodiscard]] api::Json
    inbound(const std::string& from, const std::string& to, const std::string& method = "GET");
    /// "TEXT | REMEDY", a line each.
    [[nodiscard]] std::string hints(const std::string& from, const std::string& to);
    /// A pod of a Deployment: "shop/backend-...".
    [[nodiscard]] std::string pod_of(const std::string& ns, const std::string& app) const;
    void label_namespace(const std::string& ns, const std::string& key, const std::string& value);

    store::Store store;
    compile::ClusterConfig config;
    std::unique_ptr<compile::Proxies> proxies;
    std::unique_ptr<compile::Sidecars> sidecars;
};

/// The shop's manifests.
[[nodiscard]] std::string mesh_shop_yaml();

/// One document each; `spec` is what stands below spec, as a flow mapping.
[[nodiscard]] std::string
authorization_yaml(const std::string& ns, const std::string& name, const std::string& spec);
[[nodiscard]] std::string
authentication_yaml(const std::string& ns, const std::string& name, const std::string& spec);
/// A RequestAuthentication; `more` is in its rule, behind the issuer and the keys of
/// labs/mesh/tokens.
[[nodiscard]] std::string token_yaml(
    const std::string& ns,
    const std::string& name,
    const std::string& selector = {},
    const std::string& more = {});
/// "Bearer " and a token of labs/mesh/tokens: "bob", "ann", "expired".
[[nodiscard]] std::string bearer_of(const std::string& name);

} // namespace labctl::test
