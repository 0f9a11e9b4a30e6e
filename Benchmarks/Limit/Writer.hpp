#pragma once

// Values to compact JSON text. The caller sizes the buffer once for the worst case, so
// that nothing is checked while writing.

#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "Value.hpp"

namespace limit {

class Writer {
 public:
  /// One byte of input can become at most 32 of output (a one-digit number in its longest
  /// form); the rest is for what the programs add and for vector stores past the end.
  explicit Writer(size_t inputLength)
      : buffer_(new char[32 * inputLength + (1 << 16)]), next_(buffer_.get()) {}

  const char *text() const { return buffer_.get(); }
  size_t length() const { return size_t(next_ - buffer_.get()); }
  void reset() { next_ = buffer_.get(); }

  void write(const Value &value) { next_ = write(value, next_); }

 private:
  std::unique_ptr<char[]> buffer_;
  char *next_;

  static char *write(const Value &value, char *out) {
    switch (value.kind) {
      case Kind::string: return quote(value.text, value.count, out);
      case Kind::integer: return std::to_chars(out, out + 24, value.integer).ptr;
      case Kind::number: return std::to_chars(out, out + 32, value.number).ptr;
      case Kind::object: {
        char mark = '{';
        for (uint32_t i = 0; i < value.count; i++) {
          *out++ = mark;
          mark = ',';
          const Member &member = value.members[i];
          out = quote(member.key.text, member.key.length, out);
          *out++ = ':';
          out = write(member.value, out);
        }
        return close(value, '{', '}', out);
      }
      case Kind::array: {
        char mark = '[';
        for (uint32_t i = 0; i < value.count; i++) {
          *out++ = mark;
          mark = ',';
          out = write(value.elements[i], out);
        }
        return close(value, '[', ']', out);
      }
      case Kind::truth: return append("true", 4, out);
      case Kind::falsity: return append("false", 5, out);
      case Kind::null: break;
    }
    return append("null", 4, out);
  }

  static inline char *append(const char *text, size_t length, char *out) {
    std::memcpy(out, text, length);
    return out + length;
  }

  static inline char *close(const Value &value, char opening, char closing, char *out) {
    if (value.count == 0) *out++ = opening;
    *out++ = closing;
    return out;
  }

  /// Copies up to the next byte that needs an escape, a vector at a time: most strings
  /// have none and fit one vector.
  static inline char *quote(const char *text, size_t length, char *out) {
    const char *end = text + length;
    *out++ = '"';
    for (;;) {
      size_t plain = copyPlain(text, size_t(end - text), out);
      text += plain;
      out += plain;
      if (__builtin_expect(text == end, 1)) break;
      out = escape(uint8_t(*text++), out);
    }
    *out++ = '"';
    return out;
  }

#if defined(__AVX2__)
  static inline size_t copyPlain(const char *text, size_t length, char *out) {
    const __m256i quote = _mm256_set1_epi8('"');
    const __m256i backslash = _mm256_set1_epi8('\\');
    const __m256i control = _mm256_set1_epi8(0x1f);
    for (size_t at = 0; at < length; at += 32) {
      __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(text + at));
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + at), bytes);
      __m256i special = _mm256_or_si256(
          _mm256_or_si256(_mm256_cmpeq_epi8(bytes, quote), _mm256_cmpeq_epi8(bytes, backslash)),
          _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, control), bytes));
      uint32_t mask = uint32_t(_mm256_movemask_epi8(special));
      if (__builtin_expect(mask != 0, 0)) {
        size_t found = at + size_t(__builtin_ctz(mask));
        return found < length ? found : length;
      }
    }
    return length;
  }
#else
  static inline size_t copyPlain(const char *text, size_t length, char *out) {
    for (size_t at = 0; at < length; at++) {
      uint8_t byte = uint8_t(text[at]);
      if (byte < 0x20 || byte == '"' || byte == '\\') return at;
      out[at] = char(byte);
    }
    return length;
  }
#endif

  static char *escape(uint8_t byte, char *out) {
    static const char digits[] = "0123456789abcdef";
    *out++ = '\\';
    switch (byte) {
      case '"':
      case '\\': *out++ = char(byte); return out;
      case '\n': *out++ = 'n'; return out;
      case '\r': *out++ = 'r'; return out;
      case '\t': *out++ = 't'; return out;
      default: break;
    }
    out = append("u00", 3, out);
    *out++ = digits[byte >> 4];
    *out++ = digits[byte & 15];
    return out;
  }
};

}  // namespace limit
