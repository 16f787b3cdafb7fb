#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "labctl/api/object.h"

/// The shape of the Kubernetes objects as data: which fields there are, of which type, what the API
/// server puts where nothing was written, and what it accepts. One table per API type, one file per
/// API group (schema_*.cc). Facts from the Kubernetes API reference (release 1.36). Rules that
/// involve more than one field are code: validate_*.cc; defaults that depend on other fields:
/// defaults.cc.
namespace labctl::manifest {

class Cursor;

namespace schema {

enum class Type : std::uint8_t { Text, Int32, Int64, Flag, IntOrText, Quantity, Time, Any, Object };
enum class Shape : std::uint8_t { One, List, Map };

struct Struct;

/// Why a text is not acceptable; empty if it is.
using TextRule = std::string (*)(std::string_view text);

inline constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();

/// One field of an API type. Made with the functions below and refined with the methods, all
/// constexpr.
struct Field {
    std::string_view name;
    Type type = Type::Any;
    Shape shape = Shape::One;
    bool is_required = false;
    bool is_labels = false;    // a map whose keys and values have the syntax of labels
    bool is_always = false;    // an absent object is made, so that the defaults of its fields apply
    bool is_countable = false; // a list that may also be given as its length
    bool is_strict = false;    // a list: an item that is null is an error, not an empty one
    const Struct* object = nullptr;
    std::span<const std::string_view> allowed{};
    TextRule rule = nullptr;
    std::string_view unique_by{};          // of a list of objects: no two items share this field
    std::string_view default_text{};       // for Text
    std::int64_t default_number = kLowest; // for numbers, flags and IntOrText; kLowest for none
    std::int64_t lowest = kLowest;
    std::int64_t highest = kHighest;

    /// A copy with one member changed. Before its uses: clang 14 evaluates it no earlier.
    template <class Value>
    [[nodiscard]] constexpr Field with(Value Field::*member, Value value) const {
        Field copy = *this;
        copy.*member = value;
        return copy;
    }

    [[nodiscard]] constexpr Field list() const { return with(&Field::shape, Shape::List); }
    [[nodiscard]] constexpr Field map() const { return with(&Field::shape, Shape::Map); }
    /// "Required value" when absent, or empty.
    [[nodiscard]] constexpr Field required() const { return with(&Field::is_required, true); }
    [[nodiscard]] constexpr Field always() const { return with(&Field::is_always, true); }
    [[nodiscard]] constexpr Field one_of(std::span<const std::string_view> values) const {
        return with(&Field::allowed, values);
    }
    [[nodiscard]] constexpr Field without_nulls() const { return with(&Field::is_strict, true); }
    [[nodiscard]] constexpr Field or_count() const { return with(&Field::is_countable, true); }
    /// Text: each value must satisfy it.
    [[nodiscard]] constexpr Field is(TextRule checked) const { return with(&Field::rule, checked); }
    [[nodiscard]] constexpr Field unique(std::string_view field) const {
        return with(&Field::unique_by, field);
    }
    [[nodiscard]] constexpr Field otherwise(std::string_view text) const {
        return with(&Field::default_text, text);
    }
    [[nodiscard]] constexpr Field otherwise(int number) const {
        return with(&Field::default_number, static_cast<std::int64_t>(number));
    }
    [[nodiscard]] constexpr Field range(std::int64_t low, std::int64_t high) const {
        return with(&Field::lowest, low).with(&Field::highest, high);
    }
    [[nodiscard]] constexpr Field at_least(std::int64_t low) const {
        return with(&Field::lowest, low);
    }
};

/// Defaults that depend on other fields; run before the fields are looked at, so nothing is
/// certain.
using Defaults = void (*)(api::Json& object);
/// Rules over several fields; run after the fields.
using Rule = void (*)(const Cursor& object);

struct Struct {
    std::span<const Field> fields;
    Defaults defaults = nullptr;
    Rule rule = nullptr;
    [[nodiscard]] const Field* find(std::string_view name) const;
};

constexpr Field text(std::string_view name) {
    return {name, Type::Text};
}
constexpr Field int32(std::string_view name) {
    return {name, Type::Int32};
}
constexpr Field int64(std::string_view name) {
    return {name, Type::Int64};
}
constexpr Field flag(std::string_view name) {
    return {name, Type::Flag};
}
constexpr Field int_or_text(std::string_view name) {
    return {name, Type::IntOrText};
}
constexpr Field quantity(std::string_view name) {
    return {name, Type::Quantity};
}
constexpr Field time(std::string_view name) {
    return {name, Type::Time};
}
constexpr Field any(std::string_view name) {
    return {name, Type::Any};
}
constexpr Field object(std::string_view name, const Struct& fields) {
    Field field{name, Type::Object};
    field.object = &fields;
    return field;
}
constexpr Field labels(std::string_view name) {
    return text(name).map().with(&Field::is_labels, true);
}
/// A port number.
constexpr Field port(std::string_view name) {
    return int32(name).range(1, 65535);
}

extern const Struct kObjectMeta;
extern const Struct kLabelSelector;
extern const Struct kObjectReference;
extern const Struct kLocalObjectReference;
extern const Struct kTypedLocalObjectReference;
extern const Struct kObjectFieldSelector;
extern const Struct kResourceFieldSelector;
extern const Struct kResourceRequirements;
extern const Struct kVolume;
extern const Struct kPersistentVolumeClaim;
extern const Struct kSELinuxOptions;
extern const Struct kWindowsSecurityContextOptions;
extern const Struct kSeccompProfile;
extern const Struct kAppArmorProfile;
extern const Struct kProbe;
extern const Struct kContainer;
extern const Struct kAffinity;
extern const Struct kTopologySpreadConstraint;
extern const Struct kEphemeralContainer;
extern const Struct kPodTemplateSpec;
extern const Struct kTaint;
extern const Struct kLabNode;
extern const Struct kCheck;
extern const Struct kLab;
extern const Struct kChallenge; // front matter: no kind of the API
extern const Struct kQuiz;      // likewise
extern const Struct kSubmission;
extern const Struct kIngress;
extern const Struct kIngressClass;
extern const Struct kNetworkPolicy;
extern const Struct kAdminNetworkPolicy;
extern const Struct kBaselineAdminNetworkPolicy;
extern const Struct kClusterNetworkPolicy;
extern const Struct kPeerAuthentication;
extern const Struct kAuthorizationPolicy;
extern const Struct kRequestAuthentication;
extern const Struct kVirtualService;
extern const Struct kDestinationRule;
extern const Struct kLinkerdServer;
extern const Struct kLinkerdServerAuthorization;
extern const Struct kLinkerdAuthorizationPolicy;
extern const Struct kLinkerdMeshTlsAuthentication;
extern const Struct kLinkerdNetworkAuthentication;
extern const Struct kLinkerdHttpRoute;
extern const Struct kHttpRoute;
extern const Struct kHttpRouteMatch;
extern const Struct kGateway;
extern const Struct kGatewayClass;
extern const Struct kReferenceGrant;
extern const Struct kConfigMap;
extern const Struct kSecret;
extern const Struct kServiceAccount;
extern const Struct kNode;
extern const Struct kNamespace;
extern const Struct kEndpointSlice;
extern const Struct kEndpoints;
extern const Struct kService;
extern const Struct kJob;
extern const Struct kDaemonSet;
extern const Struct kStatefulSet;
extern const Struct kReplicaSet;
extern const Struct kDeployment;
extern const Struct kPod;

/// The table of a typed kind (see api::kinds()), nullptr for others.
const Struct* find_struct(std::string_view kind);

} // namespace schema
} // namespace labctl::manifest
