// From a JSON text to a Value.
#include <charconv>
#include <cstdint>
#include <cstring>

#include "keras_dynres/json.h"

namespace keras_dynres::json {
namespace {

// Deeper than any bundle: a hostile text must not exhaust the stack.
constexpr int kDeepest = 64;

void append_utf8(std::string& text, uint32_t code) {
  auto put = [&](uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

}  // namespace

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  Value whole() {
    Value value = read(0);
    space();
    if (at_ != text_.size()) fail();
    return value;
  }

 private:
  [[noreturn]] void fail() const {
    throw Error("not JSON at byte " + std::to_string(at_));
  }

  void space() {
    while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]) && text_[at_]) {
      ++at_;
    }
  }

  char peek() const {
    if (at_ >= text_.size()) fail();
    return text_[at_];
  }

  bool taken(const std::string& word) {
    if (text_.compare(at_, word.size(), word) != 0) return false;
    at_ += word.size();
    return true;
  }

  void need(char mark) {
    space();
    if (peek() != mark) fail();
    ++at_;
  }

  // Goes through what stands between two brackets, split by commas.
  template <typename Item>
  void series(char close, Item item) {
    ++at_;
    space();
    if (peek() == close) {
      ++at_;
      return;
    }
    while (true) {
      item();
      space();
      char mark = peek();
      ++at_;
      if (mark == close) return;
      if (mark != ',') {
        --at_;
        fail();
      }
    }
  }

  Value read(int depth) {
    space();
    if (depth > kDeepest) fail();
    Value value;
    char first = peek();
    if (first == '{') {
      value.kind_ = Value::Kind::object;
      series('}', [&] {
        space();
        value.keys_.push_back(string());
        need(':');
        value.items_.push_back(read(depth + 1));
      });
    } else if (first == '[') {
      value.kind_ = Value::Kind::list;
      series(']', [&] { value.items_.push_back(read(depth + 1)); });
    } else if (first == '"') {
      value = Value::of(string());
    } else if (taken("true")) {
      value = Value::of(true);
    } else if (taken("false")) {
      value = Value::of(false);
    } else if (!taken("null") && !taken("NaN") && !taken("Infinity") &&
               !taken("-Infinity")) {  // Python writes these; nothing is read of them.
      value = number();
    }
    return value;
  }

  Value number() {
    double number = 0;
    const char* begin = text_.data() + at_;
    size_t first = at_ + (text_[at_] == '-');
    // Words such as "inf" would be numbers otherwise.
    if (first >= text_.size() || text_[first] < '0' || text_[first] > '9') fail();
    auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), number);
    if (error == std::errc::invalid_argument) fail();
    at_ += end - begin;
    return Value::verbatim({begin, end});
  }

  std::string string() {
    if (peek() != '"') fail();
    ++at_;
    std::string text;
    while (peek() != '"') {
      char letter = text_[at_];
      if (static_cast<unsigned char>(letter) < 0x20) fail();
      ++at_;
      if (letter == '\\') {
        escape(text);
      } else {
        text += letter;
      }
    }
    ++at_;
    return text;
  }

  void escape(std::string& text) {
    static const std::string letters = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    char letter = peek();
    if (letter == 'u') {
      uint32_t code = unit();
      // A pair of surrogates is one character.
      if (code >= 0xD800 && code < 0xDC00 && text_.compare(at_, 2, "\\u") == 0) {
        ++at_;
        uint32_t low = unit();
        if (low < 0xDC00 || low >= 0xE000) fail();
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      }
      return append_utf8(text, code);
    }
    size_t place = letters.find(letter);
    if (place == std::string::npos) fail();
    text += meant[place];
    ++at_;
  }

  uint32_t unit() {
    ++at_;
    uint32_t code = 0;
    if (text_.size() - at_ < 4) fail();
    const char* begin = text_.data() + at_;
    if (std::from_chars(begin, begin + 4, code, 16).ptr != begin + 4) fail();
    at_ += 4;
    return code;
  }

  const std::string& text_;
  size_t at_ = 0;
};

Value Value::parse(const std::string& text) { return Reader(text).whole(); }

}  // namespace keras_dynres::json
