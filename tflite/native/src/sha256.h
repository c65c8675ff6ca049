// SHA-256, by which a bundle is known to be whole.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace keras_dynres {

class Sha256 {
 public:
  void update(const uint8_t* data, size_t size);
  // The digest in hexadecimal; nothing can be added after it.
  std::string digest();

 private:
  void block(const uint8_t* data);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> rest_ = {};
  size_t held_ = 0;
  uint64_t total_ = 0;
};

}  // namespace keras_dynres
