#include "keras_dynres/bundle.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "file.h"
#include "flatbuffer.h"
#include "sha256.h"
#include "text.h"

namespace keras_dynres {
namespace {

constexpr char kEntry[] = "KERAS_DYNRES";
constexpr char kMark[] =
    "{\"format\": \"keras_dynres.tflite/1\", \"sha256\": \"";
constexpr size_t kDigits = 64;
// The writer keeps weights aligned to as many bytes, counted from the file's start.
constexpr size_t kAlign = 64;

std::vector<int> shape_of(const std::vector<double>& sizes) {
  std::vector<int> shape;
  for (double size : sizes) {
    // A product of four of them still fits.
    if (!(size >= 1 && size <= 65535)) throw Error("a shape is not one");
    shape.push_back(static_cast<int>(size));
  }
  return shape;
}

bool listed(const std::vector<std::string>& names, const std::string& name) {
  for (const std::string& other : names) {
    if (other == name) return true;
  }
  return false;
}

}  // namespace

void Bundle::Free::operator()(uint8_t* data) const { std::free(data); }

Bundle::Bundle(const std::string& path) : path_(path) {
  read();
  verify();
  try {
    describe();
  } catch (const Error& error) {
    throw Error("The metadata of " + in_quotes(path_) + " cannot be understood (" +
                error.what() + "); this program may be too old for it.");
  }
}

void Bundle::read() {
  std::vector<uint8_t> bytes = read_file(path_, "The bundle");
  size_ = bytes.size();
  size_t room = (size_ / kAlign + 1) * kAlign;
  data_.reset(static_cast<uint8_t*>(std::aligned_alloc(kAlign, room)));
  if (!data_) throw std::bad_alloc();
  std::copy(bytes.begin(), bytes.end(), data_.get());
}

void Bundle::verify() {
  std::optional<Entry> entry;
  try {
    entry = find_entry(data(), size_, kEntry);
  } catch (const Error& error) {
    throw Error(in_quotes(path_) + " is damaged or not a TFLite file (" + error.what() +
                "); export or download it again.");
  }
  if (!entry) {
    throw Error(in_quotes(path_) +
                " is a TFLite file without keras_dynres metadata; write one with "
                "keras_dynres.tflite.export().");
  }
  const std::string& text = entry->text;
  size_t start = sizeof kMark - 1;
  if (text.compare(0, start, kMark) != 0) {
    throw Error(in_quotes(path_) +
                " has metadata of a format this version cannot read. Received: " +
                json::quote(text.substr(0, start)) + ".");
  }
  // Of the whole file, as if zeros stood where the digits are.
  Sha256 hash;
  size_t place = entry->place + start;
  std::string zeros(kDigits, '0'), digits = text.substr(start, kDigits);
  if (digits.size() == kDigits) {
    hash.update(data(), place);
    hash.update(reinterpret_cast<const uint8_t*>(zeros.data()), kDigits);
    hash.update(data() + place + kDigits, size_ - place - kDigits);
  }
  if (hash.digest() != digits) {
    throw Error(in_quotes(path_) +
                " is damaged: its content does not match the hash inside (cut short, "
                "or changed); export or download it again.");
  }
  metadata_ = json::Value::parse(text);
}

void Bundle::describe() {
  model_ = metadata_.at("model").text();
  shape_ = shape_of(metadata_.at("input").at("shape").numbers());
  if (shape_.size() != 3) throw Error("the input is no image");
  const json::Value* labels = metadata_.find("labels");
  if (labels && labels->kind() == json::Value::Kind::list) labels_ = labels->strings();
  std::vector<std::string> dynamic;
  if (auto names = metadata_.find("dynamic")) dynamic = names->strings();
  for (const json::Value& row : metadata_.at("menu").items()) {
    std::string name = row.at("name").text();
    bool free = listed(dynamic, name);
    menu_.push_back({name, row.at("signature").text(), outputs(row), free, row});
  }
  if (menu_.empty()) throw Error("the menu is empty");
  if (auto aliases = metadata_.find("aliases")) {
    for (const std::string& alias : aliases->keys()) {
      aliases_[alias] = aliases->at(alias).text();
    }
  }
  if (auto rows = metadata_.find("stages")) {
    for (const json::Value& row : rows->items()) {
      stages_.push_back({row.at("name").text(), row.at("signature").text(),
                         row.at("takes").strings(), row.at("makes").strings(),
                         row.at("keeps").strings(), row.at("exit").text(),
                         row.at("macs").number()});
    }
  }
  if (auto rows = metadata_.find("policies")) {
    for (const json::Value& row : rows->items()) policies_.push_back(Policy::of(row));
  }
}

std::vector<Output> Bundle::outputs(const json::Value& row) const {
  const json::Value* fields = row.find("outputs");
  if (!fields) fields = metadata_.find("outputs");
  std::vector<Output> outputs;
  if (!fields) {
    const json::Value& one = metadata_.at("output");
    auto shape = shape_of({one.at("classes").number()});
    outputs.push_back({"outputs", shape, one.at("activation").text()});
    return outputs;
  }
  for (const std::string& name : fields->keys()) {
    const json::Value& one = fields->at(name);
    auto shape = shape_of(one.at("shape").numbers());
    outputs.push_back({name, shape, one.at("activation").text()});
  }
  return outputs;
}

const Instance& Bundle::instance(const std::string& name) const {
  auto alias = aliases_.find(name);
  const std::string& wanted = alias == aliases_.end() ? name : alias->second;
  std::vector<std::string> offered;
  for (const Instance& instance : menu_) {
    if (instance.name == wanted) return instance;
    offered.push_back(instance.name);
  }
  throw Error("The bundle has no such instance; it offers " + joined(offered) +
              ". Received: instance=" + in_quotes(name) + ".");
}

}  // namespace keras_dynres
