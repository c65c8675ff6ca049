"""keras-dynres report: one page on what one or several menus are worth."""

import argparse

from absl import app

ABOUT = "Writes an HTML page with curves, table and card, that needs no network."
EXAMPLE = (
    "keras-dynres report instance=a.csv uniform=b.csv -o report.html --budget macs=5e7"
)


def arguments(parser):
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
        "--images", type=int, help="how many test images the accuracies stand on"
    )


def run(args):
    """Writes the page."""
    named = _labelled(args.sources)
    from keras_dynres import evaluation
    from keras_dynres_cli import menus, sources

    out = sources.output(args.output, (".html", ".htm"))
    found = {label: menus.read(name) for label, name in named.items()}
    first = next(iter(found))
    evaluation.report(
        {label: each.menu for label, each in found.items()},
        out,
        card=found[first].about or None,
        budget=dict(args.budget) or None,
        title=args.title or first,
        images=args.images,
    )
    print(f"Wrote {out}.")


def _labelled(sources):
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


def _budget(text):
    key, _, value = text.partition("=")
    try:
        return key, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"A budget is COST=VALUE, such as macs=5e7. Received: {text!r}."
        ) from None
