#include "keras_dynres/json.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace keras_dynres::json {
namespace {

template <typename Number>
std::string shortest(Number number) {
  if (!std::isfinite(number)) return "null";  // JSON has no word for it.
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  return {buffer, end};
}

}  // namespace

Value Value::of(const std::string& text) {
  Value value;
  value.kind_ = Kind::string;
  value.text_ = text;
  return value;
}

Value Value::of(double number) { return verbatim(digits(number)); }

Value Value::of(bool truth) {
  Value value;
  value.kind_ = Kind::boolean;
  value.text_ = truth ? "true" : "false";
  return value;
}

Value Value::verbatim(std::string text) {
  Value value;
  value.kind_ = Kind::number;
  value.text_ = std::move(text);
  return value;
}

Value Value::list() {
  Value value;
  value.kind_ = Kind::list;
  return value;
}

Value Value::object() {
  Value value;
  value.kind_ = Kind::object;
  return value;
}

void Value::expect(Kind kind, const char* name) const {
  if (kind_ != kind) throw Error(std::string("a value is no ") + name);
}

bool Value::truth() const {
  expect(Kind::boolean, "boolean");
  return text_ == "true";
}

double Value::number() const {
  expect(Kind::number, "number");
  double number = 0;
  const char* end = text_.data() + text_.size();
  if (std::from_chars(text_.data(), end, number).ec == std::errc()) return number;
  return std::numeric_limits<double>::quiet_NaN();  // too large or too small for one
}

const std::string& Value::text() const {
  expect(Kind::string, "string");
  return text_;
}

const std::vector<Value>& Value::items() const {
  if (kind_ != Kind::object) expect(Kind::list, "list");
  return items_;
}

const std::vector<std::string>& Value::keys() const {
  expect(Kind::object, "object");
  return keys_;
}

const Value* Value::find(const std::string& key) const {
  expect(Kind::object, "object");
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i] == key) return &items_[i];
  }
  return nullptr;
}

const Value& Value::at(const std::string& key) const {
  const Value* value = find(key);
  if (!value) throw Error("there is no " + quote(key));
  return *value;
}

std::vector<std::string> Value::strings() const {
  expect(Kind::list, "list");
  std::vector<std::string> texts;
  for (const Value& item : items_) texts.push_back(item.text());
  return texts;
}

std::vector<double> Value::numbers() const {
  expect(Kind::list, "list");
  std::vector<double> numbers;
  for (const Value& item : items_) numbers.push_back(item.number());
  return numbers;
}

Value& Value::push(Value item) {
  items_.push_back(std::move(item));
  return *this;
}

Value& Value::set(const std::string& key, Value item) {
  keys_.push_back(key);
  items_.push_back(std::move(item));
  return *this;
}

std::string Value::dump() const {
  if (kind_ == Kind::null) return "null";
  if (kind_ == Kind::string) return quote(text_);
  if (kind_ != Kind::list && kind_ != Kind::object) return text_;
  bool named = kind_ == Kind::object;
  std::string text(1, named ? '{' : '[');
  for (size_t i = 0; i < items_.size(); ++i) {
    if (i) text += ", ";
    if (named) text += quote(keys_[i]) + ": ";
    text += items_[i].dump();
  }
  return text + (named ? '}' : ']');
}

std::string quote(const std::string& text) {
  static const char* hex = "0123456789abcdef";
  std::string quoted = "\"";
  for (char letter : text) {
    auto code = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      quoted += '\\';
      quoted += letter;
    } else if (code < 0x20) {
      quoted += std::string("\\u00") + hex[code >> 4] + hex[code & 15];
    } else {
      quoted += letter;
    }
  }
  return quoted + '"';
}

std::string digits(double number) { return shortest(number); }
std::string digits(float number) { return shortest(number); }

}  // namespace keras_dynres::json
