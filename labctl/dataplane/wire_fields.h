#pragma once

#include <chrono>
#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "labctl/dataplane/wire.h"
#include "netemu/base/error.h"

/// Values as bytes and back, for the channel between supervisor and child. Each type of a value
/// has one function in this namespace that gives its fields one by one, so that both sides agree:
///
///     void visit_fields(TYPE& value, auto& io) { io(value.a, value.b); }
///
/// and each enumeration one that gives its last word:
///
///     ENUM last_of(ENUM, const auto& io)
///
/// They are found by `io`, so they may stand behind this, but in no unnamed namespace.
namespace labctl::dataplane {

class FieldWriter {
public:
    static constexpr bool kReads = false;

    template <class... Values>
    void operator()(const Values&... values) {
        (put(values), ...);
    }
    [[nodiscard]] const std::string& bytes() const { return writer_.bytes(); }

private:
    void put(const std::string& text) { writer_.text(text); }
    void put(const netemu::Endpoint& endpoint) { writer_.endpoint(endpoint); }
    /// Numbers fit into 32 bits.
    template <class Number>
    requires std::integral<Number>
    void put(Number number) { writer_.u32(static_cast<std::uint32_t>(number)); }
    template <class Enum>
    requires std::is_enum_v<Enum>
    void put(Enum value) { writer_.u8(static_cast<std::uint8_t>(value)); }
    template <class Rep, class Period>
    void put(std::chrono::duration<Rep, Period> time) {
        writer_.u32(static_cast<std::uint32_t>(time.count()));
    }
    template <class Value>
    void put(const std::optional<Value>& value) {
        writer_.u8(value ? 1 : 0);
        if (value) {
            put(*value);
        }
    }
    template <class Value>
    void put(const std::vector<Value>& values) {
        writer_.u32(static_cast<std::uint32_t>(values.size()));
        for (const auto& value : values) {
            put(value);
        }
    }
    template <class... More>
    void put(const std::map<std::string, std::string, More...>& map) {
        writer_.u32(static_cast<std::uint32_t>(map.size()));
        for (const auto& [key, value] : map) {
            writer_.text(key).text(value);
        }
    }
    template <class Value>
    requires std::is_class_v<Value>
    void put(const Value& value) {
        visit_fields(const_cast<Value&>(value), *this); // NOLINT: this one only reads them
    }

    WireWriter writer_;
};

class FieldReader {
public:
    static constexpr bool kReads = true;

    /// `what` is read, for what is said of bytes that make no sense: "a table of a Gateway".
    FieldReader(std::string_view bytes, const char* what) : reader_(bytes), what_(what) {}

    template <class... Values>
    void operator()(Values&... values) {
        (get(values), ...);
    }
    void finish() const { reader_.expect_end(what_); }

private:
    void get(std::string& text) { text = reader_.text(); }
    void get(netemu::Endpoint& endpoint) { endpoint = reader_.endpoint(); }
    template <class Number>
    requires std::integral<Number>
    void get(Number& number) { number = static_cast<Number>(reader_.u32()); }
    template <class Enum>
    requires std::is_enum_v<Enum>
    void get(Enum& value) {
        const auto number = reader_.u8();
        if (number > static_cast<std::uint8_t>(last_of(value, *this))) {
            throw netemu::Error(std::string(what_) + " has a number that means nothing");
        }
        value = static_cast<Enum>(number);
    }
    template <class Rep, class Period>
    void get(std::chrono::duration<Rep, Period>& time) {
        time = std::chrono::duration<Rep, Period>(reader_.u32());
    }
    template <class Value>
    void get(std::optional<Value>& value) {
        value.reset();
        if (reader_.u8() != 0) {
            get(value.emplace());
        }
    }
    template <class Value>
    void get(std::vector<Value>& values) {
        values.clear();
        for (auto count = reader_.u32(); count > 0; --count) {
            get(values.emplace_back());
        }
    }
    template <class... More>
    void get(std::map<std::string, std::string, More...>& map) {
        for (auto count = reader_.u32(); count > 0; --count) {
            std::string key(reader_.text());
            map[std::move(key)] = reader_.text();
        }
    }
    template <class Value>
    requires std::is_class_v<Value>
    void get(Value& value) { visit_fields(value, *this); }

    WireReader reader_;
    const char* what_;
};

template <class Value>
std::string encode_fields(const Value& value) {
    FieldWriter writer;
    writer(value);
    return writer.bytes();
}

/// Throws netemu::Error for bytes that make no sense.
template <class Value>
Value decode_fields(std::string_view bytes, const char* what) {
    FieldReader reader(bytes, what);
    Value value;
    reader(value);
    reader.finish();
    return value;
}

} // namespace labctl::dataplane
