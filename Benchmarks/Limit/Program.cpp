#include "Program.hpp"

namespace limit {

namespace {

using Source = Field::Source;
using Test = Condition::Test;

// Tasks look members up by name as any handler would. The texts are padded, as all are.
constexpr Key keyOf(const char (&padded)[64], uint32_t length) { return {padded, length}; }
constexpr char idText[64] = "id", statusText[64] = "status", amountText[64] = "amount";
constexpr char orderIdText[64] = "orderId", totalText[64] = "total";
constexpr char quantityText[64] = "qty", priceText[64] = "price";
constexpr char okText[64] = "OK";

/// Fails on its first attempt in an execution, then answers with a transaction.
bool charge(const Value &input, Value &output, Execution &execution) {
  if (execution.attempts++ == 0) return false;
  const Value *order = input.find(keyOf(orderIdText, 7));
  char *id = execution.arena.make<char>(order->count + 3);
  std::memcpy(id, "tx-", 3);
  std::memcpy(id + 3, order->text, order->count);

  Member *members = execution.arena.make<Member>(3);
  members[0] = {keyOf(idText, 2), Value::of(id, order->count + 3)};
  members[1] = {keyOf(statusText, 6), Value::of(okText, 2)};
  members[2] = {keyOf(amountText, 6), *input.find(keyOf(amountText, 6))};
  output = Value::object(members, 3);
  return true;
}

/// Multiplies quantity and price.
bool calc(const Value &input, Value &output, Execution &execution) {
  const Value *quantity = input.find(keyOf(quantityText, 3));
  const Value *price = input.find(keyOf(priceText, 5));
  Member *members = execution.arena.make<Member>(1);
  members[0] = {keyOf(totalText, 5), Value::of(quantity->asNumber() * price->asNumber())};
  output = Value::object(members, 1);
  return true;
}

}  // namespace

Program Program::make(int workload) {
  Program program;
  switch (workload) {
    case 1: program.makePassChain(); break;
    case 2: program.makeChoiceLoop(); break;
    case 3: program.makeOrder(); break;
    case 4: program.makeFanOut(); break;
    case 5: program.makeParallel(); break;
    default: break;
  }
  return program;
}

void Program::makePassChain() {
  for (uint32_t i = 0; i < 100; i++) add(Code::pass, i + 1);
  add(Code::end, 0);
}

void Program::makeChoiceLoop() {
  Op &check = add(Code::choose, 2);
  check.otherwise = 1;
  addConditions(check, {{Test::numberEquals, path({"n"}), 100, {}}});

  Op &increment = add(Code::replace, 0);
  Field sum = field("n", {"n"}, Source::sum);
  sum.constant = Value::of(int64_t(1));
  addFields(increment, {sum});

  add(Code::succeed, 0);
}

void Program::makeOrder() {
  Op &prepare = add(Code::insert, 1);
  prepare.result = key("summary");
  addFields(prepare, {field("orderId", {"order", "id"}),
                      field("customer", {"order", "customer", "name"}),
                      field("total", {"order", "total"}),
                      field("lineCount", {"order", "items"}, Source::length)});

  Op &checkOrder = add(Code::choose, 2);
  checkOrder.otherwise = 3;
  addConditions(checkOrder,
                {{Test::greater, path({"order", "total"}), 100, {}},
                 {Test::textEquals, path({"order", "currency"}), 0, key("EUR")},
                 {Test::textEquals, path({"order", "customer", "tier"}), 0, key("gold")},
                 {Test::greaterOrEqual, path({"summary", "lineCount"}), 1, {}}});

  Op &priority = add(Code::insertConstant, 4);
  priority.result = key("routing");
  priority.constant = object({{"queue", text("priority")}, {"discount", Value::of(int64_t(10))}});

  Op &standard = add(Code::insertConstant, 4);
  standard.result = key("routing");
  standard.constant = object({{"queue", text("standard")}, {"discount", Value::of(int64_t(0))}});

  Op &payment = add(Code::task, 5);
  payment.handler = charge;
  payment.result = key("payment");
  addFields(payment, {field("orderId", {"order", "id"}), field("amount", {"order", "total"})});

  Op &checkPayment = add(Code::choose, 6);
  checkPayment.otherwise = 7;
  addConditions(checkPayment, {{Test::textEquals, path({"payment", "status"}), 0, key("OK")}});

  Op &finalize = add(Code::replace, 7);
  Field status = field("status", {}, Source::constant);
  status.constant = text("DONE");
  addFields(finalize, {status, field("orderId", {"order", "id"}),
                       field("queue", {"routing", "queue"}),
                       field("discount", {"routing", "discount"}),
                       field("transactionId", {"payment", "id"}), field("summary", {"summary"}),
                       field("items", {"order", "items"}), field("shipTo", {"order", "shipTo"})});

  add(Code::succeed, 0);
}

void Program::makeFanOut() {
  Op &map = add(Code::map, 1);
  map.body = 2;
  map.result = key("items");
  add(Code::end, 0);

  Op &mark = add(Code::insertConstant, 3);
  mark.result = key("mark");
  mark.constant = object({{"stage", text("in")}});

  Op &task = add(Code::task, 4);
  task.handler = calc;
  task.result = key("calc");
  addFields(task, {field("qty", {"qty"}), field("price", {"price"})});

  Op &shape = add(Code::replace, 5);
  addFields(shape, {field("id", {"id"}), field("total", {"calc", "total"}),
                    field("stage", {"mark", "stage"}), field("zone", {"wh", "zone"})});
  add(Code::end, 0);
}

void Program::makeParallel() {
  constexpr uint32_t branches = 8, states = 5;
  Op &parallel = add(Code::parallel, 1);
  parallel.body = 2;
  parallel.count = branches;
  parallel.stride = states + 1;
  add(Code::end, 0);
  for (uint32_t branch = 0; branch < branches; branch++) {
    for (uint32_t i = 0; i < states; i++) add(Code::pass, uint32_t(ops.size()) + 1);
    add(Code::end, 0);
  }
}

Op &Program::add(Code code, uint32_t next) {
  Op op;
  op.code = code;
  op.next = next;
  ops.push_back(op);
  return ops.back();
}

void Program::addFields(Op &op, std::initializer_list<Field> added) {
  op.first = uint32_t(fields.size());
  op.count = uint32_t(added.size());
  fields.insert(fields.end(), added);
}

void Program::addConditions(Op &op, std::initializer_list<Condition> added) {
  op.first = uint32_t(conditions.size());
  op.count = uint32_t(added.size());
  conditions.insert(conditions.end(), added);
}

/// A copy with the readable bytes behind it that keys and the writer rely on.
Key Program::key(std::string_view text) {
  std::string &padded = texts_.emplace_back(text);
  padded.append(64, '\0');
  return {padded.data(), uint32_t(text.size())};
}

Path Program::path(Names names) {
  Path path;
  for (std::string_view name : names) path.steps[path.count++] = key(name);
  return path;
}

Value Program::text(std::string_view text) {
  Key copy = key(text);
  return Value::of(copy.text, copy.length);
}

Value Program::object(std::initializer_list<std::pair<std::string_view, Value>> members) {
  std::vector<Member> &run = members_.emplace_back();
  for (const auto &[name, value] : members) run.push_back({key(name), value});
  return Value::object(run.data(), uint32_t(run.size()));
}

Field Program::field(std::string_view name, Names names, Source source) {
  return {source, key(name), path(names), Value::of(Kind::null)};
}

}  // namespace limit
