#include "Interpreter.hpp"

#include <cstdlib>

namespace limit {

namespace {

constexpr uint32_t retries = 2;

inline Value evaluate(const Field &field, const Value &input) {
  if (field.source == Field::Source::constant) return field.constant;
  const Value *found = field.path.walk(input);
  switch (field.source) {
    case Field::Source::path: return *found;
    case Field::Source::length: return Value::of(int64_t(found->count));
    case Field::Source::sum:
      return found->kind == Kind::integer
                 ? Value::of(found->integer + field.constant.integer)
                 : Value::of(found->number + double(field.constant.integer));
    case Field::Source::constant: break;
  }
  return field.constant;
}

inline Value fill(const Program &program, const Op &op, const Value &input, Arena &arena) {
  Member *members = arena.make<Member>(op.count);
  const Field *fields = program.fields.data() + op.first;
  for (uint32_t i = 0; i < op.count; i++) members[i] = {fields[i].key, evaluate(fields[i], input)};
  return Value::object(members, op.count);
}

inline bool holds(const Condition &condition, const Value &input) {
  const Value *found = condition.path.walk(input);
  if (found == nullptr) return false;
  if (condition.test == Condition::Test::textEquals)
    return found->kind == Kind::string && Key{found->text, found->count} == condition.text;
  if (!found->isNumeric()) return false;
  switch (condition.test) {
    case Condition::Test::numberEquals: return found->asNumber() == condition.number;
    case Condition::Test::greater: return found->asNumber() > condition.number;
    case Condition::Test::greaterOrEqual: return found->asNumber() >= condition.number;
    case Condition::Test::textEquals: break;
  }
  return false;
}

inline bool allHold(const Program &program, const Op &op, const Value &input) {
  const Condition *conditions = program.conditions.data() + op.first;
  for (uint32_t i = 0; i < op.count; i++)
    if (!holds(conditions[i], input)) return false;
  return true;
}

}  // namespace

Value interpret(const Program &program, uint32_t start, Value input, Execution &execution) {
  const Op *ops = program.ops.data();
  const Op *op = ops + start;
  Arena &arena = execution.arena;
  uint64_t transitions = 0;

  for (;; transitions++) {
    switch (op->code) {
      case Code::pass:
        op = ops + op->next;
        continue;

      case Code::replace:
        input = fill(program, *op, input, arena);
        op = ops + op->next;
        continue;

      case Code::insert:
        input = inserting(fill(program, *op, input, arena), op->result, input, arena);
        op = ops + op->next;
        continue;

      case Code::insertConstant:
        input = inserting(op->constant, op->result, input, arena);
        op = ops + op->next;
        continue;

      case Code::choose:
        op = ops + (allHold(program, *op, input) ? op->next : op->otherwise);
        continue;

      case Code::task: {
        Value parameters = fill(program, *op, input, arena);
        Value result = Value::of(Kind::null);
        uint32_t failures = 0;
        while (!op->handler(parameters, result, execution)) {
          if (++failures > retries) std::abort();
          transitions++;
        }
        input = inserting(result, op->result, input, arena);
        op = ops + op->next;
        continue;
      }

      case Code::map: {
        const Value *items = input.find(op->result);
        Value *outputs = arena.make<Value>(items->count);
        for (uint32_t i = 0; i < items->count; i++)
          outputs[i] = interpret(program, op->body, items->elements[i], execution);
        input = Value::array(outputs, items->count);
        op = ops + op->next;
        continue;
      }

      case Code::parallel: {
        Value *outputs = arena.make<Value>(op->count);
        for (uint32_t i = 0; i < op->count; i++)
          outputs[i] = interpret(program, op->body + i * op->stride, input, execution);
        input = Value::array(outputs, op->count);
        op = ops + op->next;
        continue;
      }

      case Code::succeed:
        transitions++;
        break;

      case Code::end:
        break;
    }
    execution.transitions += transitions;
    return input;
  }
}

}  // namespace limit
