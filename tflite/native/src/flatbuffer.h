// As much of the FlatBuffer format as finding the metadata in a `.tflite` file needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace keras_dynres {

struct Entry {
  size_t place;  // where its bytes begin in the file
  std::string text;
};

// A metadata entry, or none. Offsets of a damaged file may point anywhere: every access
// is checked, and damage throws an Error.
std::optional<Entry> find_entry(const uint8_t* data, size_t size,
                                const std::string& name);

}  // namespace keras_dynres
