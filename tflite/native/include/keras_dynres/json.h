// As much JSON as a bundle's metadata, its policies and the program's answers need.
#pragma once

#include <string>
#include <vector>

#include "keras_dynres/error.h"

namespace keras_dynres::json {

// A value of a JSON text. Numbers keep their digits, and are written as they were read.
class Value {
 public:
  enum class Kind { null, boolean, number, string, list, object };

  Value() = default;
  static Value parse(const std::string& text);
  static Value of(const std::string& text);
  static Value of(double number);
  static Value of(bool truth);
  // What is JSON already, such as the rows of a map: one piece, however long.
  static Value verbatim(std::string text);
  static Value list();
  static Value object();

  Kind kind() const { return kind_; }
  bool truth() const;
  double number() const;
  const std::string& text() const;
  const std::vector<Value>& items() const;      // of a list or an object
  const std::vector<std::string>& keys() const;  // of an object, in their order
  // Null where an object has no such key.
  const Value* find(const std::string& key) const;
  // Throws where it has none.
  const Value& at(const std::string& key) const;
  std::vector<std::string> strings() const;  // of a list of strings
  std::vector<double> numbers() const;       // of a list of numbers

  Value& push(Value item);
  Value& set(const std::string& key, Value item);
  std::string dump() const;

 private:
  friend class Reader;
  void expect(Kind kind, const char* name) const;

  Kind kind_ = Kind::null;
  std::string text_;
  std::vector<std::string> keys_;
  std::vector<Value> items_;
};

// A string in quotes, and the shortest digits that give the number again.
std::string quote(const std::string& text);
std::string digits(double number);
std::string digits(float number);

}  // namespace keras_dynres::json
