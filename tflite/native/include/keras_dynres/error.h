// What went wrong, as one sentence for whoever runs the program.
#pragma once

#include <stdexcept>

namespace keras_dynres {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace keras_dynres
