#include <algorithm>
#include <exception>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "mesh/tls/handles.h"
#include "mesh/tls/svid.h"
#include "netemu/base/text.h"

namespace mesh {
namespace {

using detail::SessionNotes;
using detail::SvidRules;

/// What is wrong with a peer's certificate: for people, and for OpenSSL, which makes an alert of
/// it.
struct Verdict {
    std::string words; // "": nothing
    int error = X509_V_OK;
};

/// Some of them: a peer may have written anything.
std::string some_of(std::vector<std::string> told) {
    constexpr std::size_t kToldMax = 8;
    constexpr std::size_t kNameMax = 255;
    for (auto& name : told) {
        name.resize(std::min(name.size(), kNameMax));
    }
    if (told.size() > kToldMax) {
        told.resize(kToldMax);
        told.emplace_back("...");
    }
    return netemu::join(told, ", ");
}

std::string named(const std::vector<std::string>& names) {
    return names.empty() ? "no name at all" : some_of(names);
}

std::string told_domains(const SvidRules& rules) {
    std::vector<std::string> names;
    for (const auto& [trust_domain, bundle] : rules.bundles) {
        names.push_back(trust_domain);
    }
    return some_of(std::move(names));
}

std::string told_expected(const SvidRules& rules) {
    std::vector<std::string> names;
    for (const auto& id : rules.expected) {
        names.push_back(id.to_string());
    }
    return some_of(std::move(names));
}

Verdict verify_chain(X509_STORE_CTX* store) {
    if (X509_verify_cert(store) == 1) {
        return {};
    }
    const int error = X509_STORE_CTX_get_error(store);
    return {X509_verify_cert_error_string(error), error};
}

/// By authorities for everybody, and for a host. Names are ours to compare.
Verdict judge_for_host(X509_STORE_CTX* store, const SessionNotes& notes) {
    if (!notes.has_authorities) {
        return {"no authority was given that could have signed it", X509_V_OK};
    }
    auto verdict = verify_chain(store);
    const auto names = notes.peer->names();
    if (verdict.words.empty() && !notes.host.empty() && !certificate_covers(names, notes.host)) {
        return {
            "the certificate is for " + named(names) + ", not for " + notes.host,
            X509_V_ERR_HOSTNAME_MISMATCH};
    }
    return verdict;
}

/// The authorities between a verified leaf and its anchor; what is in a bundle was looked at
/// before.
Verdict judge_signers(X509_STORE_CTX* store, const std::string& who) {
    const auto* chain = X509_STORE_CTX_get0_chain(store);
    for (int i = 1; i < sk_X509_num(chain); ++i) {
        const auto problem = detail::signing_problem(sk_X509_value(chain, i));
        if (!problem.empty()) {
            return {
                who + "; certificate " + std::to_string(i + 1) + " of its chain " + problem,
                X509_V_ERR_INVALID_CA};
        }
    }
    return {};
}

/// X509-SVID.md, section 5. OpenSSL holds the chain against the peer's side of TLS besides.
Verdict judge_svid(X509_STORE_CTX* store, const SessionNotes& notes) {
    const auto& rules = *notes.svid_rules;
    const std::string peer = notes.server != nullptr ? "the client" : "the server";
    const auto problem = detail::leaf_problem(X509_STORE_CTX_get0_cert(store), *notes.peer);
    if (!problem.empty()) {
        return {
            peer + " has shown no X509-SVID: its certificate " + problem, X509_V_ERR_CERT_REJECTED};
    }
    const auto id = SpiffeId::parse(notes.peer->uri_names.front());
    const auto who = peer + " says that it is " + id.to_string();
    const auto bundle = rules.bundles.find(id.trust_domain());
    if (bundle == rules.bundles.end()) {
        return {
            who + "; there is no bundle of that trust domain, only of " + told_domains(rules),
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY};
    }
    const auto anchors = detail::stack_of(bundle->second);
    X509_STORE_CTX_set0_trusted_stack(store, anchors.get());
    auto chain = verify_chain(store);
    if (!chain.words.empty()) {
        return {
            who + "; it does not verify with the bundle of " + id.trust_domain() + ": " +
                chain.words,
            chain.error};
    }
    if (auto signers = judge_signers(store, who); !signers.words.empty()) {
        return signers;
    }
    const auto& expected = rules.expected;
    if (!expected.empty() && std::find(expected.begin(), expected.end(), id) == expected.end()) {
        return {
            peer + " is " + id.to_string() + ", expected one of " + told_expected(rules),
            X509_V_ERR_HOSTNAME_MISMATCH};
    }
    return {};
}

} // namespace

int detail::verify_peer(x509_store_ctx_st* store, void* /*unused*/) {
    auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto& notes = *static_cast<SessionNotes*>(SSL_get_app_data(ssl));
    Verdict verdict;
    try {
        notes.peer = facts_of(X509_STORE_CTX_get0_cert(store));
        verdict =
            notes.svid_rules != nullptr ? judge_svid(store, notes) : judge_for_host(store, notes);
    } catch (const std::exception& error) {
        verdict = {error.what(), X509_V_ERR_UNSPECIFIED};
    }
    notes.verified = verdict.words.empty();
    notes.verify_error = verdict.words;
    if (!notes.verified && verdict.error != X509_V_OK) {
        X509_STORE_CTX_set_error(store, verdict.error);
    }
    ERR_clear_error();
    return notes.verified || !notes.must_verify ? 1 : 0;
}

} // namespace mesh
