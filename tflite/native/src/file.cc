#include "file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "keras_dynres/error.h"
#include "text.h"

namespace keras_dynres {

std::vector<uint8_t> read_file(const std::string& path, const std::string& what) {
  auto refuse = [&](int code) {
    throw Error(what + " cannot be read: " + std::strerror(code) +
                ". Received: path=" + in_quotes(path) + ".");
  };
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                       std::fclose);
  if (!file) refuse(errno);
  std::vector<uint8_t> bytes;
  uint8_t part[1 << 16];
  while (size_t count = std::fread(part, 1, sizeof part, file.get())) {
    bytes.insert(bytes.end(), part, part + count);
  }
  if (std::ferror(file.get())) refuse(errno);  // A folder opens, and cannot be read.
  return bytes;
}

}  // namespace keras_dynres
