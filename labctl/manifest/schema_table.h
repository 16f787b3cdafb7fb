#pragma once

#include <array>

#include "labctl/manifest/names.h"
#include "labctl/manifest/rules.h"
#include "labctl/manifest/schema.h"

/// What the schema_*.cc files are written with.
namespace labctl::manifest::schema {

/// The code that belongs to an API type, beside its fields.
struct Code {
    Defaults defaults = nullptr;
    Rule rule = nullptr;
};

/// A Struct that holds its own fields; a constexpr variable of namespace scope.
template <std::size_t N>
struct Table : Struct {
    std::array<Field, N> rows;

    template <class... Fields>
    explicit constexpr Table(const Code& code, const Fields&... fields_of_type)
        : Struct{{}, code.defaults, code.rule}, rows{fields_of_type...} {
        fields = rows;
    }
    template <class... Fields>
    explicit constexpr Table(const Field& first, const Fields&... others)
        : Table(Code{}, first, others...) {}
    Table(const Table&) = delete; // `fields` points into this one
    Table& operator=(const Table&) = delete;
    ~Table() = default;

    /// The type alone, which refers to the fields in here.
    [[nodiscard]] constexpr const Struct& type() const { return *this; }
};
template <class... Fields>
Table(const Code&, const Fields&...) -> Table<sizeof...(Fields)>;
template <class... Fields>
Table(const Field&, const Fields&...) -> Table<1 + sizeof...(Fields)>;

inline constexpr Field kApiVersion = text("apiVersion");
inline constexpr Field kKind = text("kind");

inline constexpr std::array<std::string_view, 3> kProtocols{"SCTP", "TCP", "UDP"};
inline constexpr std::array<std::string_view, 3> kTaintEffects{
    "NoExecute", "NoSchedule", "PreferNoSchedule"};

} // namespace labctl::manifest::schema
