// The program keras-dynres-native: a bundle's menu, its outputs and its times, as JSON.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>

#include "keras_dynres/image.h"
#include "keras_dynres/runner.h"

namespace {

using keras_dynres::Bundle;
using keras_dynres::Error;
using keras_dynres::Policy;
using keras_dynres::Runner;
using keras_dynres::json::Value;

constexpr char kUsage[] =
    "Usage: keras-dynres-native menu NET\n"
    "       keras-dynres-native run NET --image FILE [--instance NAME] [--shift S]\n"
    "       keras-dynres-native anytime NET --image FILE [--exit-threshold P]\n"
    "                                       [--policy POSITION_OR_FILE]\n"
    "       keras-dynres-native bench NET [--instances NAME,NAME] [--repeats N]\n"
    "\n"
    "All but menu take [--threads N] [--library LIBLITERT].\n"
    "FILE is a .ppm, .pgm or .jpg picture of the network's size, or raw values: one\n"
    "byte each (pixels) or four (normalised floats).\n";

struct Usage {};

// What was said on the command line, read as what is asked for.
class Words {
 public:
  Words(int count, char** words) {
    if (count < 3) throw Usage{};
    command = words[1], net = words[2];
    for (int i = 3; i < count; i += 2) {
      std::string word = words[i];
      if (word.rfind("--", 0) != 0 || i + 1 == count) throw Usage{};
      if (!options_.emplace(word.substr(2), words[i + 1]).second) throw Usage{};
    }
  }

  void allow(const std::vector<std::string>& names) const {
    for (const auto& [name, value] : options_) {
      if (std::find(names.begin(), names.end(), name) == names.end()) throw Usage{};
    }
  }

  std::optional<std::string> text(const std::string& name) const {
    auto place = options_.find(name);
    if (place == options_.end()) return std::nullopt;
    return place->second;
  }

  template <typename Number>
  Number number(const std::string& name, Number otherwise) const {
    auto word = text(name);
    return word ? read<Number>(*word) : otherwise;
  }

  template <typename Number>
  static Number read(const std::string& word) {
    Number number{};
    const char* end = word.data() + word.size();
    auto [last, error] = std::from_chars(word.data(), end, number);
    if (error != std::errc() || last != end) throw Usage{};
    return number;
  }

  std::string command, net;

 private:
  std::map<std::string, std::string> options_;
};

double milliseconds(std::chrono::steady_clock::time_point start) {
  std::chrono::duration<double, std::milli> took =
      std::chrono::steady_clock::now() - start;
  return took.count();
}

// The most memory this process has held, in MB.
Value peak_mb() {
  std::ifstream status("/proc/self/status");
  std::string word;
  double kilobytes = 0;
  while (status >> word) {
    if (word == "VmHWM:" && status >> kilobytes) return Value::of(kilobytes * 1024e-6);
  }
  return Value();
}

// Nested lists, as Python would print the array.
std::string rows(const float*& values, const std::vector<int>& shape, size_t axis = 0) {
  if (axis == shape.size()) return keras_dynres::json::digits(*values++);
  std::string text = "[";
  for (int i = 0; i < shape[axis]; ++i) {
    if (i) text += ", ";
    text += rows(values, shape, axis + 1);
  }
  return text + "]";
}

Value array(const std::vector<float>& values, const std::vector<int>& shape) {
  const float* place = values.data();
  return Value::verbatim(rows(place, shape));
}

// The five likeliest classes of a row.
Value top(const Runner& runner, const std::vector<float>& row) {
  std::vector<size_t> order(row.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  size_t count = std::min<size_t>(5, order.size());
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](size_t a, size_t b) { return row[a] > row[b]; });
  const auto& output = runner.bundle().metadata().at("output");
  bool logits = output.at("activation").text() != "probabilities";
  double first = runner.sureness(row);
  Value list = Value::list();
  for (size_t i = 0; i < count; ++i) {
    size_t place = order[i];
    double share = logits ? first * std::exp(row[place] - row[order[0]]) : row[place];
    Value line = Value::object();
    line.set("class", Value::of(static_cast<double>(place)));
    const auto& labels = runner.bundle().labels();
    if (place < labels.size()) line.set("label", Value::of(labels[place]));
    list.push(line.set("probability", Value::of(share)));
  }
  return list;
}

Runner runner_of(const Words& words) {
  return Runner(words.net, words.number("threads", 1),
                words.text("library").value_or(""));
}

std::vector<float> image_of(const Words& words, const Bundle& bundle) {
  auto path = words.text("image");
  if (!path) throw Usage{};
  return keras_dynres::read_input(*path, bundle);
}

Value menu(const Words& words) {
  words.allow({});
  const Bundle bundle(words.net);
  const Value& said = bundle.metadata();
  Value answer = Value::object();
  for (const char* key : {"model", "sha256", "precision", "input", "preprocessing",
                          "labels", "output", "outputs", "metric", "menu", "aliases"}) {
    if (auto value = said.find(key)) answer.set(key, *value);
  }
  Value exits = Value::list();
  for (const auto& stage : bundle.stages()) exits.push(Value::of(stage.exit));
  answer.set("exits", exits);
  answer.set("policies", Value::of(static_cast<double>(bundle.policies().size())));
  return answer;
}

Value run(const Words& words) {
  words.allow({"image", "instance", "shift", "threads", "library"});
  double shift = words.number("shift", 0.0);
  Runner runner = runner_of(words);
  const Bundle& bundle = runner.bundle();
  const auto& instance = bundle.instance(words.text("instance").value_or("full"));
  auto image = image_of(words, bundle);
  auto start = std::chrono::steady_clock::now();
  auto tensors = runner.run(image, instance.name, shift);
  Value answer = Value::object(), outputs = Value::object();
  answer.set("instance", Value::of(instance.name));
  answer.set("threads", Value::of(static_cast<double>(runner.threads())));
  answer.set("load_and_run_ms", Value::of(milliseconds(start)));
  for (const auto& tensor : tensors) {
    outputs.set(tensor.name, array(tensor.values, tensor.shape));
  }
  answer.set("outputs", tensors.size() == 1 ? outputs.items()[0] : outputs);
  if (bundle.metadata().find("output")) {
    answer.set("top", top(runner, tensors[0].values));
  }
  answer.set("peak_mb", peak_mb());
  return answer;
}

std::optional<Policy> policy_of(const Words& words, const Bundle& bundle) {
  auto threshold = words.text("exit-threshold"), policy = words.text("policy");
  if (threshold && policy) throw Usage{};
  if (threshold) return bundle.uniform(Words::read<double>(*threshold));
  if (!policy) return std::nullopt;
  bool position = policy->find_first_not_of("0123456789") == std::string::npos;
  if (!position || policy->empty()) return Policy::read(*policy);
  size_t place = Words::read<size_t>(*policy), count = bundle.policies().size();
  if (place < count) return bundle.policies()[place];
  throw Error("This bundle holds " + std::to_string(count) +
              " policies, counted from 0. Received: policy=" + *policy + ".");
}

Value anytime(const Words& words) {
  words.allow({"image", "exit-threshold", "policy", "threads", "library"});
  Runner runner = runner_of(words);
  const Bundle& bundle = runner.bundle();
  auto policy = policy_of(words, bundle);
  if (policy) bundle.check(*policy);
  auto image = image_of(words, bundle);
  bool classes = bundle.metadata().find("output");
  Value exits = Value::list(), last;
  std::string name;
  auto start = std::chrono::steady_clock::now();
  const auto& shapes = bundle.menu().back().outputs;  // an exit's, as the full net's
  runner.anytime(image, [&](size_t exit, const std::vector<float>& outputs) {
    name = bundle.stages()[exit].exit;
    Value line = Value::object();
    line.set("exit", Value::of(name));
    line.set("after_ms", Value::of(milliseconds(start)));
    if (classes) line.set("sureness", Value::of(runner.sureness(outputs)));
    std::vector<int> flat = {static_cast<int>(outputs.size())};
    line.set("outputs", array(outputs, classes ? flat : shapes[0].shape));
    exits.push(line);
    if (classes) last = top(runner, outputs);
    return !policy || !runner.leaves(exit, outputs, *policy);
  });
  Value answer = Value::object();
  answer.set("exit", Value::of(name));
  answer.set("threads", Value::of(static_cast<double>(runner.threads())));
  answer.set("exits", exits);
  if (classes) answer.set("top", last);
  return answer;
}

Value bench(const Words& words) {
  words.allow({"instances", "repeats", "threads", "library"});
  int repeats = words.number("repeats", 50);
  Runner runner = runner_of(words);
  std::vector<std::string> names;
  if (auto asked = words.text("instances")) {
    for (size_t at = 0, end = 0; end != std::string::npos; at = end + 1) {
      end = asked->find(',', at);
      auto name = asked->substr(at, end == std::string::npos ? end : end - at);
      names.push_back(runner.bundle().instance(name).name);
    }
  } else {
    for (const auto& instance : runner.bundle().menu()) names.push_back(instance.name);
  }
  Value latency = Value::object();
  for (const std::string& name : names) {
    auto figures = runner.benchmark(name, repeats);
    Value line = Value::object();
    line.set("median_ms", Value::of(figures.median_ms));
    line.set("min_ms", Value::of(figures.min_ms));
    line.set("max_ms", Value::of(figures.max_ms));
    line.set("iqr_ms", Value::of(figures.iqr_ms));
    line.set("repeats", Value::of(static_cast<double>(figures.repeats)));
    latency.set(name, line);
  }
  Value answer = Value::object();
  answer.set("threads", Value::of(static_cast<double>(runner.threads())));
  return answer.set("latency", latency);
}

}  // namespace

int main(int count, char** arguments) {
  static const std::map<std::string, Value (*)(const Words&)> commands = {
      {"menu", menu}, {"run", run}, {"anytime", anytime}, {"bench", bench}};
  try {
    const Words words(count, arguments);
    auto command = commands.find(words.command);
    if (command == commands.end()) throw Usage{};
    std::cout << command->second(words).dump() << "\n" << std::flush;
    return std::cout ? 0 : 1;
  } catch (const Usage&) {
    bool help = count == 2 && std::string(arguments[1]) == "--help";
    (help ? std::cout : std::cerr) << kUsage;
    return help ? 0 : 2;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
