// How sentences are put together.
#pragma once

#include <string>
#include <vector>

namespace keras_dynres {

inline std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

inline std::string joined(const std::vector<int>& numbers, const char* between) {
  std::string text;
  for (int number : numbers) {
    text += (text.empty() ? "" : between) + std::to_string(number);
  }
  return text;
}

inline std::string in_quotes(const std::string& word) { return "'" + word + "'"; }

}  // namespace keras_dynres
