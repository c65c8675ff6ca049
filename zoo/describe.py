"""Makes of a finished training what its card shows.

python zoo/describe.py NAME --run=RUN --data_dir=D

Reads RUN/results.json and RUN/history.json, and writes RUN/card_results.json, which
publish.py takes. For a network with exits it also draws, into the network's folder, its
accuracy against cost and which test images are easy and hard, and times stopping.
"""

import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
from absl import app, flags

import keras_dynres as kd
from keras_dynres.exits.model import names_of, policies_of

HERE = Path(__file__).parent
FLAGS = flags.FLAGS
flags.DEFINE_string("run", None, "Folder of the finished training.")
flags.DEFINE_string("data_dir", None, "Folder of tensorflow-datasets.")
flags.DEFINE_string("machine", "2 cores", "The machine, in words.")
flags.DEFINE_integer("batch", 256, "Images that go through the first stage together.")
flags.mark_flags_as_required(["run"])


def main(args):
    """Describes one training."""
    if len(args) != 2:
        print(f"Expected one name. Received: {args[1:]}", file=sys.stderr)
        return 2
    run, name = Path(FLAGS.run), args[1]
    found = json.loads((run / "results.json").read_text("utf-8"))
    history = json.loads((run / "history.json").read_text("utf-8"))
    model = keras.saving.load_model(run / "model.keras")
    shown = {"instances": found["instances"], "training": training(found, history)}
    for kind in model.STATISTICS:
        if kind in found:
            shown[f"{kind}_bn"] = found[kind]
    if names_of(model):
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        shown |= exits(model, kd.training.Recipe.load(name), found["budgets"], folder)
    else:
        shown["pareto"] = [
            {"instance": each.name, "MMACs": each.macs / 1e6, "error %": error(each)}
            for each in model.menu.pareto()
        ]
    shown["data"] = found["data"]
    path = run / "card_results.json"
    path.write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")
    print(f"Wrote {path}.")
    return 0


def training(found, history):
    """How the weights came about."""
    recipe, last = found["recipe"], history[-1]
    told = {
        "epochs": recipe["epochs"],
        "seed": recipe["seed"],
        "hours": round(found["training_seconds"] / 3600, 2),
        "machine": FLAGS.machine,
    }
    for key in ("starts_from", "held_out", "round_to_float16"):
        if recipe.get(key):
            told[key] = recipe[key]
    ends = {
        f"final_{k}": v for k, v in last.items() if k.endswith(("loss", "accuracy"))
    }
    ends = {k: v for k, v in ends.items() if not k.startswith("final_val")}
    return {**told, **ends, **found["environment"]}


def error(instance):
    """Wrong answers in percent."""
    return round(100 * (1 - instance.measured["accuracy"]), 2)


def exits(model, recipe, budgets, folder):
    """What budgets and stops at any time are worth, and pictures of it."""
    options = {"name": recipe.dataset, "data_dir": FLAGS.data_dir}
    test = kd.data.load(split="test", **options)
    held = kd.data.load(split="held_out", held_out=recipe.held_out, **options)
    kd.evaluation.plot(
        model.budget_curve(held, test, verbose=0),
        folder / "curves.svg",
        x="macs",
        title=recipe.name,
    )
    seen = kd.evaluation.predictions(model, test, logits=False, verbose=0)
    kd.evaluation.contact_sheet(
        kd.evaluation.cost_groups(seen, model.menu),
        test,
        folder / "sheet.png",
        label_names=kd.zoo.card(recipe.name).entry.labels,
        preprocessing=kd.data.info(recipe.dataset).preprocessing,
    )
    stops = ("uniform", "exponential", "normal")
    return {
        "anytime": {
            f"expected accuracy %, {each} budgets": round(
                100 * model.expected_accuracy(each, test, verbose=0), 2
            )
            for each in stops
        },
        "curves": "![accuracy against cost](curves.svg)\n\n"
        "![images that the first exit gets right, down to those only the last one "
        "does](sheet.png)",
        "budgets": [budget(row) for row in budgets["solved"]],
        "held_out": budgets["images"],
        "stopping": stopping(model, test),
    }


def budget(row):
    """A solved budget in millions and percent."""
    return {
        "budget (MMACs)": row["budget"] / 1e6,
        "cost on held-out images": row["held_out_cost"] / 1e6,
        "accuracy % on them": 100 * row["held_out_accuracy"],
        "cost on test images": row["macs"] / 1e6,
        "accuracy % of these": 100 * row["accuracy"],
    }


def stopping(model, test):
    """Processor time of all test images, all exits and stopped, side by side."""
    images = np.concatenate([np.asarray(batch[0]) for batch in test])

    def seconds(way):
        way()  # Compiles.
        start = time.process_time()
        way()
        return time.process_time() - start

    def whole():
        for start in range(0, len(images), FLAGS.batch):
            model.base.predict_on_batch(images[start : start + FLAGS.batch])

    full, rows = seconds(whole), []
    costs = model.exit_costs()
    for policy in policies_of(model):
        spent = seconds(lambda p=policy: model.predict_dynamic(images, p, FLAGS.batch))
        left = model.predict_dynamic(images, policy, FLAGS.batch, return_exits=True)[1]
        share = float(np.mean(np.array(costs)[left]) / costs[-1])
        rows.append(
            {
                "budget (MMACs)": policy.budget / 1e6,
                "share of MACs": share,
                "share of processor time": spent / full,
            }
        )
    return rows


if __name__ == "__main__":
    app.run(main)
