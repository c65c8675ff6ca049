"""keras-dynres reproduce: a paper's tables and figures, and what was measured here."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

ABOUT = "Shows a paper's tables and figures beside what was measured here."
EXAMPLE = "keras-dynres reproduce sdpoint --runs runs --out tables"
# What `train` is usually told to write below.
_RUNS = "runs"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "paper",
        metavar="PAPER",
        nargs="?",
        help="sdpoint, msdnet, resizable, low_mode or sampled; by default all, counted",
    )
    parser.add_argument(
        "--runs",
        metavar="FOLDER",
        help="folder of folders that `train` wrote; by default `runs`, if it is there",
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        help="write PAPER.md, .csv, .json there, and a plot of each table and figure",
    )
    parser.add_argument(
        "--plots",
        metavar="ENDING",
        default="png",
        help="png, svg or pdf; png by default",
    )


def run(args: Namespace) -> None:
    """Prints the page of a paper or the overview, and writes the files."""
    from keras_dynres.errors import one_of
    from keras_dynres.evaluation.plots import FORMATS
    from keras_dynres.zoo.paper import Paper
    from keras_dynres_cli import reproduction, sources

    ending = f".{one_of('ending of plots', args.plots, FORMATS)}"
    paper = args.paper and Paper.load(args.paper)
    folder = args.out and sources.folder(args.out)
    evidence = _evidence(args.runs)
    if paper is None:
        print(reproduction.overview(evidence))
        return
    if folder is None:
        print(reproduction.page(paper, evidence))
        return
    for path in reproduction.write(paper, evidence, folder, ending):
        print(f"Wrote {path}.")


def _evidence(folder):
    """What was measured in the runs of a folder, those left out told on stderr."""
    from keras_dynres.zoo.runs import runs_in
    from keras_dynres_cli.evidence import Evidence

    if folder is None and not Path(_RUNS).is_dir():
        return Evidence()
    runs, left_out = runs_in(folder or _RUNS)
    for sentence in left_out:
        print(f"Left out: {sentence}", file=sys.stderr)
    return Evidence(runs)
