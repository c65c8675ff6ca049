"""keras-dynres demo: the shipped network, from its menu to a report."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from keras_dynres import DynamicModel, Instance, Menu
    from keras_dynres.tflite import Runner
    from keras_dynres.zoo import Card
    from keras_dynres_cli.drawings import Drawing

    Answers = dict[str, list[list[tuple[str, float]]]]

ABOUT = "Shows a trained network's menu, exports and times it, and writes a report."
EXAMPLE = "keras-dynres demo --out_dir demo --budget_ms 3"
SHIPPED = "sdpoint_resnet14_imagenette_128"
STEPS = 8
IMAGES = 16  # Where no drawing shows what the network knows.
PHOTOGRAPHS = "The pictures are drawn; the network was trained on photographs."
# Export checks its own file to 1e-4; this bounds what the runner then answers.
TOLERANCE = 1e-3


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("--name", default=SHIPPED, help="a network of the zoo")
    parser.add_argument("--out_dir", default="demo", help="where the results go")
    parser.add_argument(
        "--budget_ms",
        type=float,
        help="latency to choose for; by default halfway from fastest to slowest",
    )
    parser.add_argument("--num_threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--repeats", type=int, default=50, help="timed runs of each")


def run(args: Namespace) -> None:
    """Runs the demo, step by step."""
    from keras_dynres import zoo
    from keras_dynres_cli import sources

    began = time.perf_counter()
    folder = sources.folder(args.out_dir)
    card = zoo.card(args.name)
    model = zoo.load(args.name)
    _step(1, f"{args.name}: one set of weights, {len(model.menu)} instances")
    print(model.menu)

    bundle = folder / "net.tflite"
    runner = _export(model, card, bundle, args.num_threads)
    drawn = _drawings(card)
    images = _images(card, drawn)
    _check(model, runner, images, "drawn" if drawn else "synthetic")
    latency = _time(runner, args.repeats)
    budget, best = _choose(runner, args.budget_ms)
    answers = _answer(runner, card, drawn, images, best)
    figures = _sheet(drawn, answers)
    page = _report(model, card, latency, budget, figures, folder / "report.html")

    _step(8, f"Done in {time.perf_counter() - began:.0f} s")
    print(f"  {bundle}: every instance of the Pareto front, the weights once")
    print(f"  {page}: open it in a browser, no network needed")
    print(
        f"  python: keras_dynres.tflite.Runner({str(bundle)!r}).run(x, {best.name!r})"
    )


def synthetic_images(count: int, shape: Sequence[int]) -> "np.ndarray":
    """Pictures of nothing: smooth random colours, standardised, always the same.

    A network's answers to them mean nothing, but two programs that compute the same
    network must answer alike.
    """
    import numpy as np

    random = np.random.default_rng(0)
    height, width, channels = shape
    coarse = random.standard_normal((count, height // 8 + 1, width // 8 + 1, channels))
    smooth = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]
    noise = 0.3 * random.standard_normal((count, *shape))
    return (smooth + noise).astype("float32")


def _export(
    model: "DynamicModel", card: "Card", bundle: Path, threads: int
) -> "Runner":
    from keras_dynres import tflite

    _step(2, "Exporting the instances that no cheaper one beats into one TFLite file")
    tflite.export(
        model,
        bundle,
        instances="pareto",
        labels=card.network.labels or None,
        preprocessing=card.network.preprocessing,
    )
    return tflite.Runner(bundle, num_threads=threads)


def _drawings(card: "Card") -> "list[Drawing]":
    """What is drawn of the network's classes, where it gives an image one."""
    from keras_dynres_cli import drawings

    if card.network.images.task != "classes":
        return []
    return drawings.of_classes(card.network.labels)


def _images(card: "Card", drawn: "Sequence[Drawing]") -> "np.ndarray":
    """What file and model are compared on."""
    if drawn:
        return card.preprocess([drawing.pixels for drawing in drawn])
    return synthetic_images(IMAGES, card.network.input_shape)


def _check(
    model: "DynamicModel", runner: "Runner", images: "np.ndarray", kind: str
) -> None:
    import keras
    import numpy as np

    from keras_dynres.errors import DynresError

    _step(3, f"Checking the file against Keras, on {len(images)} {kind} pictures")
    worst = 0.0
    for name in runner.menu.names:
        by_keras = keras.tree.flatten(model.at(name)(images, training=False))
        by_file = keras.tree.flatten(runner.run(images, name))
        runner.close(name)
        difference = max(
            float(np.abs(np.asarray(one) - other).max())
            for one, other in zip(by_keras, by_file, strict=True)
        )
        if not difference < TOLERANCE:
            raise DynresError(
                f"Instance {name!r} of {str(runner.path)!r} differs from Keras by "
                f"{difference:.2g}, more than {TOLERANCE:g}: please report it."
            )
        worst = max(worst, difference)
    print(f"{len(runner.menu)} signatures agree; the largest difference: {worst:.1e}")


def _time(runner: "Runner", repeats: int) -> dict[str, Any]:
    _step(4, f"Timing with XNNPACK on this machine, {runner.num_threads} thread(s)")
    latency = runner.benchmark(repeats=repeats)
    print(runner.menu)
    return latency


def _choose(runner: "Runner", budget: float | None) -> "tuple[float, Instance]":
    times = [instance.figure("latency_ms") for instance in runner.menu]
    budget = budget or (min(times) + max(times)) / 2
    best = runner.within(budget)
    _step(5, f"The best within {budget:.3g} ms: {best.name}")
    print(f"{_rating(runner.menu, best)} in {best.figure('latency_ms'):.3g} ms")
    return budget, best


def _rating(menu: "Menu", instance: "Instance") -> str:
    """The figure that the menu chooses by, of one instance."""
    from keras_dynres import text

    rating = text.figure(instance.figure(menu.metric), menu.metric)
    return rating if menu.metric == "accuracy" else f"{text.head(menu.metric)} {rating}"


def _answer(
    runner: "Runner",
    card: "Card",
    drawn: "Sequence[Drawing]",
    images: "np.ndarray",
    best: "Instance",
) -> "Answers":
    """What the cheapest, the chosen and the full instance call the drawings."""
    from keras_dynres import text

    if not drawn:
        _step(6, "No picture is drawn of what this network knows: no sheet of answers")
        return {}
    names = list(dict.fromkeys([runner.menu.names[0], best.name, "full"]))
    _step(6, f"What the file calls {len(drawn)} pictures")
    answers = {name: card.decode(runner.run(images, name), top=1) for name in names}
    rows = [
        [_plain(drawing.label), *(_said(answers[n][i], drawing.label) for n in names)]
        for i, drawing in enumerate(drawn)
    ]
    print(text.grid(["drawn", *names], rows, left=1 + len(names)))
    print(PHOTOGRAPHS)
    return answers


def _said(answer: "Sequence[tuple[str, float]]", label: str) -> str:
    """An instance's surest answer, and whether it is wrong."""
    ((word, sureness),) = answer
    wrong = "" if word == label else ", wrong"
    return f"{_plain(word)} {100 * sureness:.0f} %{wrong}"


def _plain(label: str) -> str:
    return label.replace("_", " ")


def _sheet(drawn: "Sequence[Drawing]", answers: "Answers") -> dict[str, Any]:
    """The report's picture of the answers, by its caption."""
    from keras_dynres import evaluation

    if not drawn:
        return {}
    pixels = [drawing.pixels for drawing in drawn]
    labels = [drawing.label for drawing in drawn]
    sheet = evaluation.answer_sheet(pixels, answers, labels, title=PHOTOGRAPHS)
    return {"What a network trained on photographs calls drawn pictures": sheet}


def _report(
    model: "DynamicModel",
    card: "Card",
    latency: dict[str, Any],
    budget: float,
    figures: dict[str, Any],
    path: Path,
) -> Path:
    from keras_dynres import evaluation
    from keras_dynres_cli import menus

    _step(7, "Writing the report")
    return evaluation.report(
        {card.network.name: model.menu},
        path,
        card=menus.card_fields(card),
        latency=latency,
        budget={"latency_ms": budget},
        title=card.network.name,
        images=card.network.images.test_images,
        figures=figures,
    )


def _step(number: int, text: str) -> None:
    print(f"\n[{number}/{STEPS}] {text}", flush=True)
