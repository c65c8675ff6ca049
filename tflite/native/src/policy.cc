// When to stop at an exit.
#include <cmath>

#include "file.h"
#include "keras_dynres/bundle.h"
#include "text.h"

namespace keras_dynres {

Policy Policy::of(const json::Value& fields) {
  Policy policy{fields.at("model").text(), fields.at("exits").strings(),
                fields.at("costs").numbers(), fields.at("unit").text(),
                fields.at("thresholds").numbers()};
  size_t count = policy.exits.size();
  if (!count || policy.thresholds.size() != count || policy.costs.size() != count) {
    throw Error("a policy has a threshold and a cost for each exit");
  }
  for (double threshold : policy.thresholds) {
    if (!(threshold >= 0 && threshold <= 1)) throw Error("thresholds are from 0 to 1");
  }
  if (policy.thresholds.back() != 0) throw Error("the last exit's threshold is 0");
  return policy;
}

Policy Policy::read(const std::string& path) {
  std::vector<uint8_t> bytes = read_file(path, "The policy");
  try {
    const json::Value fields = json::Value::parse({bytes.begin(), bytes.end()});
    if (fields.at("format").number() != 1) throw Error("it is not of format 1");
    return of(fields);
  } catch (const Error& error) {
    throw Error(std::string("Not a policy in JSON (") + error.what() +
                "). Received: path=" + in_quotes(path) + ".");
  }
}

void Bundle::check(const Policy& policy) const {
  if (stages_.empty()) {
    throw Error(
        "This bundle holds no stages, and cannot stop at an exit: export a model of "
        "several exits with stages=True. Received: path=" + in_quotes(path_) + ".");
  }
  std::vector<std::string> exits;
  std::vector<double> costs;
  for (const Stage& stage : stages_) {
    exits.push_back(stage.exit);
    costs.push_back((costs.empty() ? 0 : costs.back()) + stage.macs);
  }
  if (policy.model != model_ || policy.exits != exits) {
    throw Error("The policy is for " + in_quotes(policy.model) + " with the exits " +
                joined(policy.exits) + ". Received: " + in_quotes(model_) +
                " with the exits " + joined(exits) + ".");
  }
  if (policy.unit != "macs") return;  // Latencies differ from one run to the next.
  for (size_t i = 0; i < costs.size(); ++i) {
    if (std::abs(costs[i] - policy.costs[i]) > 1e-6 * std::abs(policy.costs[i])) {
      throw Error("The policy is for a " + in_quotes(model_) + " whose exit " +
                  in_quotes(exits[i]) + " costs " + json::digits(policy.costs[i]) +
                  " MACs. Received: one where it costs " + json::digits(costs[i]) +
                  " MACs.");
    }
  }
}

Policy Bundle::uniform(double threshold) const {
  if (!(threshold >= 0 && threshold <= 1)) {
    throw Error("A threshold of sureness is from 0 to 1. Received: " +
                json::digits(threshold) + ".");
  }
  Policy policy{model_, {}, {}, "none", {}};
  for (const Stage& stage : stages_) {
    policy.exits.push_back(stage.exit);
    policy.thresholds.push_back(threshold);
    policy.costs.push_back(0);
  }
  if (!stages_.empty()) policy.thresholds.back() = 0;
  return policy;
}

}  // namespace keras_dynres
