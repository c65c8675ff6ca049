"""keras-dynres report: one page on what one or several menus are worth."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence

from absl import app

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


def run(args: Namespace) -> None:
    """Writes the page."""
    named = _labelled(args.sources)
    from keras_dynres import evaluation
    from keras_dynres_cli import menus, sources

    out = sources.output(args.output, (".html", ".htm"))
    read = {label: menus.read(name) for label, name in named.items()}
    first = next(iter(read))
    evaluation.report(
        {label: source.menu for label, source in read.items()},
        out,
        card=read[first].about or None,
        budget=dict(args.budget) or None,
        title=args.title or first,
        images=args.images,
    )
    print(f"Wrote {out}.")


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
