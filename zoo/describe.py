"""Makes of a finished training what its card shows.

python zoo/describe.py NAME --run=RUN --data_dir=D

Reads RUN/results.json and RUN/history.json, and writes RUN/card_results.json, which
publish.py takes. For a network with exits it also draws, into the network's folder, its
accuracy against cost and which test images are easy and hard, and times stopping; for
one that samples points, accuracy against cost and milliseconds, and what is sampled.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from absl import app, flags

import keras_dynres as kd
from keras_dynres import files, text
from keras_dynres.errors import DynresError
from keras_dynres.zoo import figures

HERE = Path(__file__).parent
FLAGS = flags.FLAGS
flags.DEFINE_string("run", None, "Folder of the finished training.")
flags.DEFINE_string("data_dir", None, "Folder of tensorflow-datasets.")
flags.DEFINE_string("machine", "2 cores", "The machine, in words.")
flags.DEFINE_integer("batch", 256, "Images that go through the first stage together.")
flags.mark_flags_as_required(["run"])


def main(args: Sequence[str]) -> int:
    """Describes one training, or says in a sentence why not."""
    if len(args) != 2:
        print(f"Expected one name. Received: {args[1:]}", file=sys.stderr)
        return 2
    try:
        path = describe(Path(FLAGS.run), args[1])
    except DynresError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Wrote {path}.")
    return 0


def describe(run: Path, name: str) -> Path:
    """Writes what the card of a finished training shows; returns the file's path."""
    results = files.read_json(run / "results.json", "the results of a training")
    history = files.read_json(run / "history.json", "the history of a training")
    model = keras.saving.load_model(run / "model.keras")
    metric = model.menu.metric
    shown = {
        "instances": results["instances"],
        "training": training(results, history, metric),
    }
    for kind in model.STATISTICS:
        if kind in results:
            shown[f"{kind}_bn"] = results[kind]
    if kd.exits.names_of(model):
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        shown |= exits(model, kd.training.Recipe.load(name), results["budgets"], folder)
    elif isinstance(model, kd.Sampled):
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        shown |= sampled(model, kd.training.Recipe.load(name), folder)
    else:
        shown["pareto"] = [
            {
                "instance": instance.name,
                "MMACs": instance.macs / 1e6,
                figures.head(metric): rating(instance, metric),
            }
            for instance in model.menu.pareto(metric)
        ]
    shown["data"] = results["data"]
    return files.write(run / "card_results.json", json.dumps(shown, indent=1) + "\n")


def sampled(
    model: kd.Sampled, recipe: kd.training.Recipe, folder: Path
) -> dict[str, Any]:
    """What points save, in MACs and milliseconds, and which they are."""
    test = kd.data.load(
        name=recipe.images, data_dir=FLAGS.data_dir, split="test", batch_size=64
    )
    images = np.concatenate([np.asarray(batch[0]) for batch in test.take(4)])
    timed = kd.Menu(model.menu, model.menu.metric)
    for name, time_of in milliseconds(model, model.menu.names).items():
        timed.record(name, latency_ms=time_of)
    whole = planned(model, recipe, test)
    rows = [
        {
            "instance": f"{instance.name}{more}",
            "MMACs": round(instance.figure("macs") / 1e6, 1),
            "ms, one thread": round(instance.measured["latency_ms"], 2),
            figures.head(model.menu.metric): rating(instance, model.menu.metric),
        }
        for more, instances in {"": timed, ", blocks planned": whole}.items()
        for instance in instances
    ]
    looks = {"beaten": True, "names": True, "title": recipe.name}
    kd.evaluation.plot(timed, folder / "curves.svg", x="macs", **looks)
    kd.evaluation.plot(timed, folder / "latency.svg", x="latency_ms", **looks)
    preprocessing = recipe.images.preprocessing
    kd.evaluation.mask_sheet(
        model, images, folder / "masks.png", count=2, preprocessing=preprocessing
    )
    answers = dense(model, recipe, folder)
    kd.evaluation.density_plot(model, images, folder / "densities.svg")
    kd.evaluation.width_plot(model, images, folder / "widths.svg")
    return {
        "speed": rows,
        "pictures": f"{answers}![accuracy against cost](curves.svg)\n\n"
        "![accuracy against milliseconds](latency.svg)\n\n"
        "![the points that are sampled, block by block](masks.png)\n\n"
        "![density of each mask](densities.svg)\n\n"
        "![width of interpolation against density](widths.svg)",
    }


def dense(model: kd.Sampled, recipe: kd.training.Recipe, folder: Path) -> str:
    """Pictures of maps or boxes, where the network gives such."""
    draw = {"map": kd.evaluation.map_sheet, "boxes": kd.evaluation.box_sheet}
    task = recipe.images.task
    if task not in draw:
        return ""
    density = min(i.settings["density"] for i in model.menu if "density" in i.settings)
    draw[task](
        model,
        kd.data.load(
            name=recipe.images, data_dir=FLAGS.data_dir, split="test", batch_size=8
        ),
        folder / "answers.png",
        kd.data.labels.labels(recipe.dataset),
        ["full", "sampled", f"d{density:g}"],
        preprocessing=recipe.images.preprocessing,
    )
    return "![what instances answer, beside the labels](answers.png)\n\n"


def planned(
    model: kd.Sampled, recipe: kd.training.Recipe, test: Any
) -> list[kd.Instance]:
    """Densities that compute whole the blocks in which sampling saves no time here."""
    other = kd.Sampled.from_config(model.get_config())
    other.set_weights(model.get_weights())
    names = [i.name for i in model.menu if "density" in i.settings]
    for name in names:
        kd.tflite.plan_blocks(other, name, verbose=0)
    train = kd.data.load(
        name=recipe.images,
        data_dir=FLAGS.data_dir,
        split="train",
        batch_size=recipe.batch_size,
        augment=recipe.augment,
        seed=recipe.seed,
    )
    other.calibrate(train, recipe.calibration_batches, names, verbose=0)
    other.evaluate_menu(test, names, verbose=0)
    for name, time_of in milliseconds(other, names).items():
        other.menu.record(name, latency_ms=time_of)
    return [other.menu[name] for name in names]


def milliseconds(model: kd.Sampled, names: Sequence[str]) -> dict[str, float]:
    """What instances take under XNNPACK, on one thread."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "net.tflite"
        kd.tflite.export(model, path, names, dynamic=True, verbose=0)
        times = kd.tflite.Runner(path, 1).benchmark(names, 50, 5, verbose=0)
    return {name: time_of["median_ms"] for name, time_of in times.items()}


def training(
    results: Mapping[str, Any], history: Sequence[Mapping[str, float]], metric: str
) -> dict[str, Any]:
    """How the weights came about."""
    recipe, last = results["recipe"], history[-1]
    told = {
        "epochs": recipe["epochs"],
        "seed": recipe["seed"],
        "hours": round(results["training_seconds"] / 3600, 2),
        "machine": FLAGS.machine,
    }
    for key in ("starts_from", "held_out", "round_to_float16"):
        if recipe.get(key):
            told[key] = recipe[key]
    ends = {
        f"final_{key}": value
        for key, value in last.items()
        if key.endswith(("loss", "accuracy", metric)) and not key.startswith("val")
    }
    return {**told, **ends, **results["environment"]}


def rating(instance: kd.Instance, metric: str) -> float:
    """The figure an instance is chosen by: an accuracy as wrong answers in percent."""
    value = instance.measured[metric]
    return round(100 * (1 - value), 2) if text.is_accuracy(metric) else value


def exits(
    model: kd.DynamicModel,
    recipe: kd.training.Recipe,
    budgets: Mapping[str, Any],
    folder: Path,
) -> dict[str, Any]:
    """What budgets and stops at any time are worth, and pictures of it."""
    options = {"name": recipe.images, "data_dir": FLAGS.data_dir}
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
        preprocessing=recipe.images.preprocessing,
    )
    stops = ("uniform", "exponential", "normal")
    return {
        "anytime": {
            f"expected accuracy %, {stop} budgets": round(
                100 * model.expected_accuracy(stop, test, verbose=0), 2
            )
            for stop in stops
        },
        "curves": "![accuracy against cost](curves.svg)\n\n"
        "![images that the first exit gets right, down to those only the last one "
        "does](sheet.png)",
        "budgets": [budget(row) for row in budgets["solved"]],
        "held_out": budgets["images"],
        "stopping": stopping(model, test),
    }


def budget(row: Mapping[str, float]) -> dict[str, float]:
    """A solved budget in millions and percent."""
    return {
        "budget (MMACs)": row["budget"] / 1e6,
        "cost on held-out images": row["held_out_cost"] / 1e6,
        "accuracy % on them": 100 * row["held_out_accuracy"],
        "cost on test images": row["macs"] / 1e6,
        "accuracy % of these": 100 * row["accuracy"],
    }


def stopping(model: kd.DynamicModel, test: Iterable[Any]) -> list[dict[str, float]]:
    """Processor time of all test images, all exits and stopped, side by side."""
    images = np.concatenate([np.asarray(batch[0]) for batch in test])

    def seconds(way: Callable[[], Any]) -> float:
        way()  # Compiles.
        start = time.process_time()
        way()
        return time.process_time() - start

    def whole() -> None:
        for start in range(0, len(images), FLAGS.batch):
            model.base.predict_on_batch(images[start : start + FLAGS.batch])

    full, rows = seconds(whole), []
    costs = model.exit_costs()
    for policy in model.policies:
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
