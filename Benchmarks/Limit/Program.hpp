#pragma once

// What a workload's definition compiles to: a table of operations that name each other by
// index, and beside it the fields and conditions they use. `Program::make` is the compiler,
// done by hand for the five workloads.

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "Value.hpp"

namespace limit {

/// What one execution carries from state to state.
struct Execution {
  Arena &arena;
  uint64_t transitions = 0;
  uint32_t attempts = 0;
};

/// A task. False is its one error, which the retry is for.
using Handler = bool (*)(const Value &input, Value &output, Execution &execution);

enum class Code : uint8_t {
  pass,      // hands its input on
  replace,   // output = template
  insert,    // input with a template's object at the result key
  insertConstant,
  choose,    // all conditions hold: next, else otherwise
  task,      // template → handler, two retries, result at the result key
  map,       // each element of `items` through the states at `body`
  parallel,  // the input through `count` branches of `stride` operations
  succeed,
  end,       // after a state that ends: not a state itself
};

struct Path {
  uint32_t count = 0;
  Key steps[3];

  inline const Value *walk(const Value &root) const {
    const Value *value = &root;
    for (uint32_t i = 0; i < count; i++) {
      if (value->kind != Kind::object) return nullptr;
      value = value->find(steps[i]);
      if (value == nullptr) return nullptr;
    }
    return value;
  }
};

/// A member of a template: where its value comes from.
struct Field {
  enum class Source : uint8_t { path, constant, sum, length };
  Source source;
  Key key;
  Path path;
  Value constant;  // also the summand
};

struct Condition {
  enum class Test : uint8_t { numberEquals, greater, greaterOrEqual, textEquals };
  Test test;
  Path path;
  double number;
  Key text;
};

// One cache line each, so that finding an operation by its index is a shift.
struct alignas(64) Op {
  Code code = Code::end;
  uint32_t next = 0;
  union {
    uint32_t otherwise = 0;
    uint32_t body;
  };
  uint32_t first = 0;  // into the fields or conditions
  uint32_t count = 0;
  uint32_t stride = 0;
  Key result = {nullptr, 0};
  union {
    Value constant = Value::of(Kind::null);
    Handler handler;
  };
};

class Program {
 public:
  std::vector<Op> ops;
  std::vector<Field> fields;
  std::vector<Condition> conditions;

  /// The program of W1 to W5, or an empty one for 0.
  static Program make(int workload);

 private:
  using Names = std::initializer_list<std::string_view>;

  // Texts and members of constants; a deque never moves what it holds.
  std::deque<std::string> texts_;
  std::deque<std::vector<Member>> members_;

  void makePassChain();
  void makeChoiceLoop();
  void makeOrder();
  void makeFanOut();
  void makeParallel();

  Op &add(Code code, uint32_t next);
  void addFields(Op &op, std::initializer_list<Field> fields);
  void addConditions(Op &op, std::initializer_list<Condition> conditions);
  Key key(std::string_view text);
  Path path(Names names);
  Value text(std::string_view text);
  Value object(std::initializer_list<std::pair<std::string_view, Value>> members);
  Field field(std::string_view name, Names names, Field::Source source = Field::Source::path);
};

}  // namespace limit
