#pragma once

#include "Program.hpp"

namespace limit {

/// Runs the states from `start` on and returns the output of the last one.
Value interpret(const Program &program, uint32_t start, Value input, Execution &execution);

}  // namespace limit
