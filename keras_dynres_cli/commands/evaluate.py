"""keras-dynres evaluate: what every instance gets right, and under budgets."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import app

from keras_dynres_cli import options

if TYPE_CHECKING:
    from keras_dynres import DynamicModel, Menu
    from keras_dynres_cli.sources import Source

ABOUT = "Measures what every instance gets right on the test images."
EXAMPLE = "keras-dynres evaluate sdpoint_wrn16_2_cifar10 --data_dir ~/data -o menu.csv"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    options.model(parser)
    options.data(parser)
    parser.add_argument(
        "--instances", nargs="+", metavar="NAME", help="by default every one"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="the menu as .csv or .json (with --budgets that of the budgets), or the "
        "model with its figures as .keras or .npz",
    )
    parser.add_argument(
        "--budgets",
        type=int,
        metavar="N",
        help="of a network with exits: solve N budgets, from the first exit's cost to "
        "the last one's, on held-out training images",
    )
    parser.add_argument(
        "--held_out",
        type=int,
        metavar="N",
        help="the last N training images are held out; by default as its network says",
    )
    parser.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="MODEL",
        help="with --budgets: other networks for the same images, by name or file; "
        "those with exits under budgets too, two without exits or more also as an "
        "ensemble and mixed at random",
    )
    parser.add_argument(
        "--plot",
        metavar="FILE",
        help="draw the exits and the budgets: .png, .svg, .pdf",
    )


def run(args: Namespace) -> None:
    """Evaluates, prints the menu, and writes it."""
    if (args.plot or args.against) and not args.budgets:
        raise app.UsageError("--plot and --against show --budgets N: say both.")
    from keras_dynres import data
    from keras_dynres_cli import comparison, sources

    suffixes = (".csv", ".json", *options.MODEL_FILES)
    out = args.output and sources.output(args.output, suffixes)
    plot = args.plot and sources.output(args.plot, (".png", ".svg", ".pdf"))
    source, others = sources.load(args), comparison.loaded(args.against)
    model, dataset = source.model, sources.dataset(args, source)
    names = [model.menu[n].name for n in args.instances or model.menu.names]
    images = sources.images(args, source, "test")
    comparison.compile_for(model, dataset)
    with data.clear_errors(dataset.name):
        model.evaluate_menu(images, names)
        print(model.menu)
        menu = (
            _budgets(args, source, images, plot, others) if args.budgets else model.menu
        )
    if out:
        _write(model, menu, out)
        print(f"Wrote {out}.")


def _budgets(
    args: Namespace,
    source: "Source",
    images: Iterable[Any],
    plot: Path | None,
    others: "Mapping[str, DynamicModel]",
) -> "Menu":
    """The menu of solved budgets, printed; and drawn if asked for."""
    from keras_dynres import evaluation
    from keras_dynres.errors import DynresError
    from keras_dynres.exits import names_of
    from keras_dynres_cli import comparison, sources

    model, apart = source.model, source.network
    if not names_of(model):
        raise DynresError(
            f"Budgets are solved for a network with exits. Received: {source.title!r}."
        )
    trained_without = apart.held_out if apart else 0
    count = args.held_out or trained_without
    if not count:
        raise app.UsageError(
            f"It is not known what {source.title!r} was not trained on: "
            "say --held_out N."
        )
    held = sources.images(args, source, "held_out", held_out=count)
    curves = model.budget_curve(held, images, points=args.budgets)
    print(f"Thresholds from the last {count} training images, costs and accuracies of")
    print("the test images. ", end="")
    if count > trained_without:
        print("Nothing says that these were held out of training: if they were not,")
        print("the exits are surer of them than of others, and budgets are missed.")
    else:
        print("Training held them out.")
    print(curves["budgeted"])
    compared = comparison.curves(others, held, images, args.budgets)
    for label, menu in compared.items():
        print(f"{label}:", menu, sep="\n")
    if plot:
        evaluation.plot({**curves, **compared}, plot, x="macs")
        print(f"Wrote {plot}.")
    return curves["budgeted"]


def _write(model: "DynamicModel", menu: "Menu", out: Path) -> None:
    from keras_dynres_cli import sources

    if out.suffix in options.MODEL_FILES:
        sources.save(model, out)
    elif out.suffix == ".csv":
        menu.to_csv(out)
    else:
        menu.to_json(out)
