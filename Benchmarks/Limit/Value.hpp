#pragma once

// JSON values in an arena: 16 bytes each, strings as slices of the parser's buffer,
// objects as runs of members in the order they were written.

#include <cstdint>
#include <cstring>
#include <string_view>

#include <simdjson.h>

#include "Arena.hpp"

namespace limit {

enum class Kind : uint8_t { null, falsity, truth, integer, number, string, array, object };

/// A member's name. At least eight bytes can be read from `text` whatever the length,
/// and a string's bytes are followed by a vector's width of readable memory.
struct Key {
  const char *text;
  uint32_t length;

  inline bool operator==(const Key &other) const {
    if (length != other.length) return false;
    if (length - 1 < 8) {
      uint64_t mine, theirs;
      std::memcpy(&mine, text, 8);
      std::memcpy(&theirs, other.text, 8);
      return ((mine ^ theirs) << (64 - 8 * length)) == 0;
    }
    return std::memcmp(text, other.text, length) == 0;
  }
};

struct Member;

struct Value {
  Kind kind;
  uint32_t count;  // bytes of a string, elements of an array, members of an object
  union {
    int64_t integer;
    double number;
    const char *text;
    Value *elements;
    Member *members;
  };

  static inline Value of(Kind kind) { return {kind, 0, {0}}; }
  static inline Value of(int64_t integer) { return {Kind::integer, 0, {integer}}; }
  static inline Value of(double number) {
    Value value = of(Kind::number);
    value.number = number;
    return value;
  }
  static inline Value of(const char *text, uint32_t length) {
    Value value{Kind::string, length, {0}};
    value.text = text;
    return value;
  }
  static inline Value array(Value *elements, uint32_t count) {
    Value value{Kind::array, count, {0}};
    value.elements = elements;
    return value;
  }
  static inline Value object(Member *members, uint32_t count) {
    Value value{Kind::object, count, {0}};
    value.members = members;
    return value;
  }

  inline bool isNumeric() const { return kind == Kind::integer || kind == Kind::number; }
  inline double asNumber() const { return kind == Kind::integer ? double(integer) : number; }
  inline const Value *find(const Key &key) const;
};

struct Member {
  Key key;
  Value value;
};

inline const Value *Value::find(const Key &key) const {
  for (const Member *member = members, *end = members + count; member != end; member++)
    if (member->key == key) return &member->value;
  return nullptr;
}

/// `object` with `key` set to `value`; the original stays as it is.
inline Value inserting(const Value &value, const Key &key, const Value &object, Arena &arena) {
  uint32_t count = object.count;
  Member *members = arena.make<Member>(count + 1);
  uint32_t at = count;
  for (uint32_t i = 0; i < count; i++) {
    members[i] = object.members[i];
    if (members[i].key == key) at = i;
  }
  members[at] = {key, value};
  return Value::object(members, count + (at == count));
}

/// Copies simdjson's document into arena values. Strings stay where the parser put them.
inline Value convert(simdjson::dom::element element, Arena &arena) {
  using Type = simdjson::dom::element_type;
  switch (element.type()) {
    case Type::STRING: {
      std::string_view text = element.get_string().value_unsafe();
      return Value::of(text.data(), uint32_t(text.size()));
    }
    case Type::INT64: return Value::of(element.get_int64().value_unsafe());
    case Type::DOUBLE: return Value::of(element.get_double().value_unsafe());
    case Type::OBJECT: {
      simdjson::dom::object object = element.get_object().value_unsafe();
      Member *members = arena.make<Member>(object.size());
      Member *next = members;
      for (simdjson::dom::key_value_pair field : object) {
        next->key = {field.key.data(), uint32_t(field.key.size())};
        next->value = convert(field.value, arena);
        next++;
      }
      return Value::object(members, uint32_t(next - members));
    }
    case Type::ARRAY: {
      simdjson::dom::array array = element.get_array().value_unsafe();
      Value *elements = arena.make<Value>(array.size());
      Value *next = elements;
      for (simdjson::dom::element child : array) *next++ = convert(child, arena);
      return Value::array(elements, uint32_t(next - elements));
    }
    case Type::BOOL:
      return Value::of(element.get_bool().value_unsafe() ? Kind::truth : Kind::falsity);
    case Type::UINT64: return Value::of(double(element.get_uint64().value_unsafe()));
    case Type::NULL_VALUE: break;
  }
  return Value::of(Kind::null);
}

}  // namespace limit
