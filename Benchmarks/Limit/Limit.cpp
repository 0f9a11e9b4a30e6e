#include "Limit.h"

#include <new>

#include "Interpreter.hpp"
#include "Writer.hpp"

using namespace limit;

struct limit_floor {
  Program program;
  simdjson::padded_string input;
  simdjson::dom::parser parser;
  Arena arena;
  Writer writer;

  // The document of `limit_serialize`, with a parser of its own so that the other calls
  // leave its strings alone.
  simdjson::dom::parser documentParser;
  Arena documentArena;
  Value document = Value::of(Kind::null);

  limit_floor(int workload, const uint8_t *bytes, size_t length)
      : program(Program::make(workload)),
        input(reinterpret_cast<const char *>(bytes), length),
        writer(length) {}

  /// False when the input is not JSON.
  bool prepare() {
    simdjson::dom::element root;
    if (documentParser.parse(input).get(root)) return false;
    document = convert(root, documentArena);
    return true;
  }

  inline Value parse() {
    arena.reset();
    return convert(parser.parse(input).value_unsafe(), arena);
  }

  inline void write(const Value &value) {
    writer.reset();
    writer.write(value);
  }
};

limit_floor *limit_create(int workload, const uint8_t *input, size_t length) {
  if (workload < 0 || workload > 5) return nullptr;
  limit_floor *floor = new (std::nothrow) limit_floor(workload, input, length);
  if (floor != nullptr && floor->prepare()) return floor;
  delete floor;
  return nullptr;
}

void limit_destroy(limit_floor *floor) { delete floor; }

uint64_t limit_run(limit_floor *floor, uint64_t times) {
  uint64_t transitions = 0;
  if (floor->program.ops.empty()) return 0;
  for (uint64_t i = 0; i < times; i++) {
    Value input = floor->parse();
    Execution execution{floor->arena};
    floor->write(interpret(floor->program, 0, input, execution));
    transitions += execution.transitions;
  }
  return transitions;
}

const uint8_t *limit_output(const limit_floor *floor, size_t *length) {
  *length = floor->writer.length();
  return reinterpret_cast<const uint8_t *>(floor->writer.text());
}

uint64_t limit_parse_tape(limit_floor *floor, uint64_t times) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < times; i++)
    sum += uint64_t(floor->parser.parse(floor->input).value_unsafe().type());
  return sum;
}

uint64_t limit_parse(limit_floor *floor, uint64_t times) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < times; i++) sum += floor->parse().count;
  return sum;
}

uint64_t limit_serialize(limit_floor *floor, uint64_t times) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < times; i++) {
    floor->write(floor->document);
    sum += floor->writer.length();
  }
  return sum;
}
