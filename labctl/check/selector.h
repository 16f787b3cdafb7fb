#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/check/world.h"

/// Who an assertion speaks of: one side of `FROM -> TO`, as written and as it resolves in a world.
namespace labctl::check {

/// One selector of a side.
///
///     frontend          the Pod of that name; else the pods of a workload of that name
///     (Deployment,
///                       ReplicaSet, StatefulSet, DaemonSet, Job); else the pods with the label
///                       app=frontend or app.kubernetes.io/name=frontend; else, as a target, the
///                       Service
///     backend-*         the pods whose name matches
///     *                 every pod of the namespace;  */*  every pod of all namespaces
///     NS/ANY-OF-THESE   the same in another namespace, which may be a glob
///     {app=web,!old}    the pods with these labels; "app=web" in quotes is the same
///     pod/[NS/]NAME, deployment/[NS/]NAME, ... service/[NS/]NAME    one kind only, short names too
///     node/NAME         a node; node/* every node
///     external          the namespace outside the cluster
///     host/NAME, router/NAME    a device of the underlay, where there is such a one
///     10.1.2.3          an address (targets only)
struct Term {
    enum class Kind { Name, Labels, Workload, Service, Node, External, Address };
    Kind kind = Kind::Name;
    std::string ns;            // glob; empty: the namespace of the assertion
    std::string name;          // glob, or the address
    std::string workload_kind; // for Workload: "Pod", "Deployment", ...
    api::Selector labels;
    std::string text; // as written
};

/// A list of terms, separated by commas, without those after `except`.
struct Side {
    std::vector<Term> terms;
    std::vector<Term> except;
    std::string text; // as written, without the `except` part
};

/// Throws netemu::UsageError that quotes the part that is wrong.
Term parse_term(std::string_view text);
std::vector<Term> parse_terms(std::string_view text);

/// Something that can send or be sent to. The pointers go into the world that it was resolved in.
struct Party {
    enum class Kind { Pod, Node, External, Service, Address };
    Kind kind = Kind::Pod;
    const PodView* pod = nullptr;
    const NodeView* node = nullptr; // of External: a host or router; none: the outside
    const ServiceView* service = nullptr;
    std::vector<std::string> addresses; // of an address or of external

    /// "prod/web-1", "node/node-1", "external", "service/prod/web", "10.1.2.3".
    [[nodiscard]] std::string label() const;
    [[nodiscard]] const std::vector<std::string>& ips() const;
};

enum class Role { Source, Target };

/// What a side resolves to, without duplicates, in order of the world. Finished and terminating
/// pods are never selected. Terms of `except` are taken away.
std::vector<Party> resolve(const Side& side, const World& world, const std::string& ns, Role role);

/// Why `resolve` found nothing: one sentence, with the nearest existing name or the namespace where
/// the name does exist. For the reason of a verdict.
std::string explain_nothing(const Side& side, const World& world, const std::string& ns, Role role);

} // namespace labctl::check
