#pragma once

// Bump allocation for one execution: everything it makes dies together at the reset.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace limit {

class Arena {
 public:
  explicit Arena(size_t capacity = 1 << 20) { open(capacity); }
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;
  ~Arena() {
    for (char *block : blocks_) std::free(block);
  }

  /// Room for `count` values of type T. Nothing is constructed: T is plain data.
  template <class T>
  inline T *make(size_t count) {
    size_t bytes = (count * sizeof(T) + 7) & ~size_t(7);
    if (__builtin_expect(bytes > size_t(end_ - next_), 0)) open(bytes);
    char *room = next_;
    next_ += bytes;
    return reinterpret_cast<T *>(room);
  }

  /// Forgets everything. Only the largest block stays, so that a steady state
  /// allocates nothing.
  inline void reset() {
    if (__builtin_expect(blocks_.size() > 1, 0)) keepLargest();
    next_ = blocks_.back();
  }

 private:
  // Readers of strings look up to a vector's width past the end.
  static constexpr size_t slack = 64;

  char *next_ = nullptr;
  char *end_ = nullptr;
  size_t capacity_ = 1 << 16;
  std::vector<char *> blocks_;

  // Blocks double, so the newest is the largest.
  void open(size_t least) {
    while (capacity_ < least) capacity_ *= 2;
    char *block = static_cast<char *>(std::malloc(capacity_ + slack));
    if (block == nullptr) std::abort();
    blocks_.push_back(block);
    next_ = block;
    end_ = block + capacity_;
    capacity_ *= 2;
  }

  void keepLargest() {
    for (size_t i = 0; i + 1 < blocks_.size(); i++) std::free(blocks_[i]);
    blocks_.erase(blocks_.begin(), blocks_.end() - 1);
  }
};

}  // namespace limit
