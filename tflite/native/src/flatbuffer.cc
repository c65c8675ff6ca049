#include "flatbuffer.h"

#include <cstring>
#include <vector>

#include "keras_dynres/error.h"

namespace keras_dynres {
namespace {

// Fields of the schema's root table `Model`, and of its `Metadata` and `Buffer`.
constexpr size_t kBuffers = 4, kMetadata = 6, kName = 0, kBuffer = 1, kData = 0;

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  const uint8_t* span(uint64_t at, uint64_t count) const {
    if (at > size_ || count > size_ - at) {
      throw Error("an offset points out of the file");
    }
    return data_ + at;
  }

  template <typename Number>
  Number number(uint64_t at) const {
    Number number;
    std::memcpy(&number, span(at, sizeof number), sizeof number);
    return number;
  }

  // Where the offset that stands at a place points.
  uint64_t target(uint64_t at) const { return at + number<uint32_t>(at); }

  // Where a field of the table at `at` lies; 0 for one left out.
  uint64_t field(uint64_t at, size_t slot) const {
    int64_t layout = static_cast<int64_t>(at) - number<int32_t>(at);
    if (layout < 0) throw Error("a table's layout lies outside the file");
    uint64_t place = 4 + 2 * slot;
    if (place + 2 > number<uint16_t>(layout)) return 0;
    uint16_t offset = number<uint16_t>(layout + place);
    return offset ? at + offset : 0;
  }

  // The places that a vector of tables points at.
  std::vector<uint64_t> tables(uint64_t field) const {
    std::vector<uint64_t> places;
    if (!field) return places;
    uint64_t at = target(field), count = number<uint32_t>(at);
    span(at + 4, 4 * count);
    for (uint64_t i = 0; i < count; ++i) places.push_back(target(at + 4 + 4 * i));
    return places;
  }

  Entry bytes(uint64_t field) const {
    if (!field) throw Error("an entry is empty");
    uint64_t at = target(field), count = number<uint32_t>(at);
    auto text = reinterpret_cast<const char*>(span(at + 4, count));
    return {at + 4, {text, count}};
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

}  // namespace

std::optional<Entry> find_entry(const uint8_t* data, size_t size,
                                const std::string& name) {
  Bytes file(data, size);
  if (std::memcmp(file.span(4, 4), "TFL3", 4) != 0) {
    throw Error("no TFLite file identifier");
  }
  uint64_t root = file.target(0);
  for (uint64_t entry : file.tables(file.field(root, kMetadata))) {
    uint64_t title = file.field(entry, kName);
    if (!title || file.bytes(title).text != name) continue;
    uint64_t number = file.field(entry, kBuffer);
    auto buffers = file.tables(file.field(root, kBuffers));
    size_t index = number ? file.number<uint32_t>(number) : 0;
    if (index >= buffers.size()) throw Error("an entry names no buffer");
    return file.bytes(file.field(buffers[index], kData));
  }
  return std::nullopt;
}

}  // namespace keras_dynres
