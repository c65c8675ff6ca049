"""Of a network that samples points: what they save, and which they are."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_dynres import evaluation, tflite
from keras_dynres.instance import Menu
from keras_dynres.zoo import figures
from keras_dynres_cli.description.run import Run

if TYPE_CHECKING:
    from keras_dynres import Instance, Sampled


def sampled(run: Run, folder: Path) -> dict[str, Any]:
    """The card's sections, and pictures in the folder."""
    model, test = run.model, run.images("test", batch_size=64)
    images = np.concatenate([np.asarray(batch[0]) for batch in test.take(4)])
    timed = Menu(model.menu, model.menu.metric)
    for name, time_of in _milliseconds(model, model.menu.names).items():
        timed.record(name, latency_ms=time_of)
    whole = _planned(run, test)
    rows = [
        {
            "instance": f"{instance.name}{more}",
            "MMACs": round(instance.figure("macs") / 1e6, 1),
            "ms, one thread": round(instance.measured["latency_ms"], 2),
            figures.head(model.menu.metric): run.rating(instance),
        }
        for more, instances in {"": timed, ", blocks planned": whole}.items()
        for instance in instances
    ]
    looks = {"beaten": True, "names": True, "title": run.title}
    evaluation.plot(timed, folder / "curves.svg", x="macs", **looks)
    evaluation.plot(timed, folder / "latency.svg", x="latency_ms", **looks)
    pixels = {"preprocessing": run.preprocessing}
    evaluation.mask_sheet(model, images, folder / "masks.png", count=2, **pixels)
    answers = _answers(run, folder)
    evaluation.density_plot(model, images, folder / "densities.svg")
    evaluation.width_plot(model, images, folder / "widths.svg")
    return {
        "speed": rows,
        "pictures": f"{answers}![accuracy against cost](curves.svg)\n\n"
        "![accuracy against milliseconds](latency.svg)\n\n"
        "![the points that are sampled, block by block](masks.png)\n\n"
        "![density of each mask](densities.svg)\n\n"
        "![width of interpolation against density](widths.svg)",
    }


def _answers(run: Run, folder: Path) -> str:
    """Pictures of maps or boxes, where the network gives such."""
    draw = {"map": evaluation.map_sheet, "boxes": evaluation.box_sheet}
    task = run.network.images.task
    if task not in draw:
        return ""
    menu = run.model.menu
    density = min(i.settings["density"] for i in menu if "density" in i.settings)
    draw[task](
        run.model,
        run.images("test", batch_size=8),
        folder / "answers.png",
        run.network.labels,
        ["full", "sampled", f"d{density:g}"],
        preprocessing=run.preprocessing,
    )
    return "![what instances answer, beside the labels](answers.png)\n\n"


def _planned(run: Run, test: Any) -> "list[Instance]":
    """Densities that compute whole the blocks in which sampling saves no time here."""
    model, network = run.model, run.network
    other = type(model).from_config(model.get_config())
    other.set_weights(model.get_weights())
    names = [i.name for i in model.menu if "density" in i.settings]
    for name in names:
        tflite.plan_blocks(other, name, verbose=0)
    train = run.images(
        "train",
        batch_size=network.batch_size,
        augment=network.augment,
        seed=network.seed,
    )
    other.calibrate(train, network.calibration_batches, names, verbose=0)
    other.evaluate_menu(test, names, verbose=0)
    for name, time_of in _milliseconds(other, names).items():
        other.menu.record(name, latency_ms=time_of)
    return [other.menu[name] for name in names]


def _milliseconds(model: "Sampled", names: Sequence[str]) -> dict[str, float]:
    """What instances take under XNNPACK, on one thread."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "net.tflite"
        tflite.export(model, path, names, dynamic=True, verbose=0)
        times = tflite.Runner(path, 1).benchmark(names, 50, 5, verbose=0)
    return {name: time_of["median_ms"] for name, time_of in times.items()}
