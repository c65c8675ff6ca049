#include "keras_dynres/image.h"

#include <cctype>
#include <cstring>
#include <filesystem>

#include "file.h"
#include "text.h"

namespace keras_dynres {
namespace {

[[noreturn]] void refuse(const std::string& reason, const std::string& path) {
  throw Error("The image " + reason + ". Received: path=" + in_quotes(path) + ".");
}

// The next number of a PNM header: after white space and comments, before white space.
int header_number(const std::vector<uint8_t>& bytes, size_t& at,
                  const std::string& path) {
  while (at < bytes.size() && (std::isspace(bytes[at]) || bytes[at] == '#')) {
    if (bytes[at] != '#') {
      ++at;
      continue;
    }
    while (at < bytes.size() && bytes[at] != '\n') ++at;
  }
  int number = 0;
  size_t start = at;
  while (at < bytes.size() && std::isdigit(bytes[at]) && at - start < 6) {
    number = 10 * number + (bytes[at++] - '0');
  }
  if (at == start || at == bytes.size() || !std::isspace(bytes[at])) {
    refuse("is damaged or not a PPM file", path);
  }
  return number;
}

std::vector<float> read_raw(const std::string& path, const Bundle& bundle) {
  std::vector<uint8_t> bytes = read_file(path, "The image");
  size_t count = bundle.values();
  if (bytes.size() == count) return bundle.preprocess(bytes);
  if (bytes.size() != count * sizeof(float)) {
    throw Error("A raw image is " + joined(bundle.shape(), " x ") + " = " +
                std::to_string(count) + " pixels of one byte or normalised floats of " +
                "four; pictures are named .ppm, .pgm, .jpg or .jpeg. Received: " +
                std::to_string(bytes.size()) + " bytes, path=" + in_quotes(path) + ".");
  }
  std::vector<float> image(count);
  std::memcpy(image.data(), bytes.data(), bytes.size());
  return image;
}

}  // namespace

Image read_pnm(const std::string& path) {
  std::vector<uint8_t> bytes = read_file(path, "The image");
  bool color = bytes.size() > 2 && bytes[0] == 'P' && bytes[1] == '6';
  bool grey = bytes.size() > 2 && bytes[0] == 'P' && bytes[1] == '5';
  if (!color && !grey) refuse("is no PPM or PGM file in binary form (P6, P5)", path);
  size_t at = 2;
  Image image;
  image.channels = color ? 3 : 1;
  image.width = header_number(bytes, at, path);
  image.height = header_number(bytes, at, path);
  if (header_number(bytes, at, path) != 255) refuse("has values beyond 255", path);
  ++at;
  size_t size = static_cast<size_t>(image.width) * image.height * image.channels;
  if (bytes.size() - at < size) refuse("is cut short", path);
  image.pixels.assign(bytes.begin() + at, bytes.begin() + at + size);
  return image;
}

std::vector<float> read_input(const std::string& path, const Bundle& bundle) {
  std::string ending = std::filesystem::path(path).extension().string();
  for (char& letter : ending) letter = static_cast<char>(std::tolower(letter));
  Image image;
  if (ending == ".jpg" || ending == ".jpeg") {
    image = read_jpeg(path, bundle.shape()[2]);
  } else if (ending == ".ppm" || ending == ".pgm") {
    image = read_pnm(path);
  } else {
    return read_raw(path, bundle);
  }
  std::vector<int> shape = {image.height, image.width, image.channels};
  if (shape != bundle.shape()) {
    throw Error("The image must have the network's height, width and channels, " +
                joined(bundle.shape(), " x ") + ". Received: " + joined(shape, " x ") +
                ", path=" + in_quotes(path) + ".");
  }
  return bundle.preprocess(image.pixels);
}

}  // namespace keras_dynres
