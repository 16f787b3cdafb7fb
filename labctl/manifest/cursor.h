#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "labctl/api/object.h"
#include "labctl/manifest/path.h"
#include "labctl/manifest/report.h"

namespace labctl::manifest {

/// A value inside an object, with its place; what validation is written with. Copyable; an absent
/// value is a cursor too, so errors about it have a place. Reads are tolerant: a value of another
/// type than asked for reads as absent (its type has been reported already).
class Cursor {
public:
    Cursor(Report& report, const api::Json& value, const Path& path)
        : report_(&report), value_(&value), path_(path) {}

    /// A field of an object.
    Cursor operator[](std::string_view field) const;
    /// An item of a list.
    Cursor operator[](std::size_t index) const;
    /// A value of a map. `name` outlives the cursor.
    [[nodiscard]] Cursor key(std::string_view name) const;
    template <std::same_as<std::string> Text>
    Cursor key(Text&& name) const = delete; // that is gone too soon

    [[nodiscard]] bool present() const { return !value_->is_null(); }
    [[nodiscard]] const api::Json& json() const { return *value_; }
    [[nodiscard]] bool is_text() const { return value_->is_string(); }
    [[nodiscard]] bool is_number() const { return value_->is_number_integer(); }
    [[nodiscard]] std::string_view text() const; // "" if it is none
    [[nodiscard]] std::int64_t number(std::int64_t other = 0) const;
    [[nodiscard]] bool flag() const; // false if it is none
    /// Items of a list, members of an object; 0 for anything else.
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool is(std::string_view expected) const {
        return is_text() && text() == expected;
    }

    /// Calls `visit(Cursor)` for each item of a list.
    template <class Visit>
    void each(Visit visit) const {
        for (std::size_t i = 0; value_->is_array() && i < value_->size(); ++i) {
            visit((*this)[i]);
        }
    }
    /// Calls `visit(std::string_view key, Cursor value)` for each member of a map.
    template <class Visit>
    void each_key(Visit visit) const {
        if (value_->is_object()) {
            for (const auto& [name, value] : value_->get_ref<const api::Json::object_t&>()) {
                visit(std::string_view(name), Cursor(*report_, value, path_.key(name)));
            }
        }
    }

    // Findings, in the words of k8s.io/apimachinery/pkg/util/validation/field.
    void required(std::string_view detail = {}) const;
    void invalid(std::string_view why, std::string hint = {}) const;
    void unsupported(std::span<const std::string_view> allowed) const;
    void duplicate() const;
    void forbidden(std::string_view why, std::string hint = {}) const;
    void not_found(std::string hint = {}) const;
    /// `why` is empty if all is well.
    void check(const std::string& why) const;
    void error(std::string_view message, std::string hint = {}) const;
    void warn(std::string_view message, std::string hint = {}) const;
    void error_at_key(std::string_view message, std::string hint = {}) const;

    [[nodiscard]] Report& report() const { return *report_; }
    [[nodiscard]] const Path& path() const { return path_; }

private:
    Report* report_;
    const api::Json* value_;
    Path path_;
};

/// A value as it is quoted in messages; long ones are cut.
std::string quoted(const api::Json& value);
/// "did you mean 'X'?" for the nearest candidate, or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

} // namespace labctl::manifest
