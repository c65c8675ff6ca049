"""keras-dynres report: one page on what one or several menus are worth."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import app

from keras_dynres_cli import options

if TYPE_CHECKING:
    from keras_dynres import Sampled

ABOUT = "Writes an HTML page with curves, table and card, that needs no network."
EXAMPLE = (
    "keras-dynres report instance=a.csv uniform=b.csv -o report.html --budget macs=5e7"
)


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "sources",
        metavar="[LABEL=]SOURCE",
        nargs="+",
        help="a name of the zoo, or a .json, .csv, .tflite, .keras or .npz file; the "
        "first is the page's subject, the others are compared with it",
    )
    parser.add_argument("-o", "--output", metavar="OUT", default="report.html")
    parser.add_argument(
        "--budget",
        nargs="+",
        metavar="COST=VALUE",
        type=_budget,
        default=[],
        help="macs, flops, params or latency_ms: the best instance within is marked",
    )
    parser.add_argument("--title", help="heading of the page")
    parser.add_argument(
        "--images", type=int, help="how many test images the figures stand on"
    )
    parser.add_argument(
        "--masks",
        action="store_true",
        help="where the subject samples points: which, on test images, and how many",
    )
    options.data(parser)


def run(args: Namespace) -> None:
    """Writes the page."""
    named = _labelled(args.sources)
    from keras_dynres import evaluation
    from keras_dynres_cli import menus, sources

    out = sources.output(args.output, (".html", ".htm"))
    read = {label: menus.read(name) for label, name in named.items()}
    first = next(iter(read))
    shown = {label: source.menu for label, source in read.items()}
    pictures = {}
    if args.masks:
        shown[first], pictures = _sampled(args, named[first])
    evaluation.report(
        shown,
        out,
        **pictures,
        card=read[first].about or None,
        budget=dict(args.budget) or None,
        title=args.title or first,
        images=args.images,
    )
    print(f"Wrote {out}.")


def _sampled(args: Namespace, name: str) -> tuple["Sampled", dict[str, Any]]:
    """The model that samples points, and the images that are to show it."""
    from keras_dynres import Sampled, data
    from keras_dynres.errors import DynresError
    from keras_dynres_cli import sources

    source = sources.load(Namespace(model=name, like=None))
    if not isinstance(source.model, Sampled):
        raise DynresError(
            "--masks shows what a model of the method 'sampled' computes. "
            f"Received: {name!r}, of {type(source.model).__name__}."
        )
    known = sources.dataset(args, source)
    with data.clear_errors(known.name):
        images = next(iter(sources.images(args, source, "test")))[0]
    return source.model, {"data": images, "preprocessing": known.preprocessing}


def _labelled(sources: Sequence[str]) -> dict[str, str]:
    """The sources by their labels."""
    named = {}
    for text in sources:
        label, equals, name = text.partition("=")
        if label in named:
            raise app.UsageError(
                f"Two sources are labelled {label!r}: say LABEL=SOURCE."
            )
        named[label] = name if equals else text
    return named


def _budget(text: str) -> tuple[str, float]:
    key, _, value = text.partition("=")
    try:
        return key, float(value)
    except ValueError:
        raise ArgumentTypeError(
            f"A budget is COST=VALUE, such as macs=5e7. Received: {text!r}."
        ) from None
