// Whole files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keras_dynres {

// A file's bytes; `what` names it in the sentence where it cannot be read.
std::vector<uint8_t> read_file(const std::string& path, const std::string& what);

}  // namespace keras_dynres
