"""keras-dynres publish: a finished training as a network that others load."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

ABOUT = "Makes a folder that zoo.load takes of a training: weights, card and page."
EXAMPLE = "keras-dynres publish runs/net --data_dir ~/data --out published"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("folder", metavar="RUN", help="what `train` wrote")
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument(
        "--out",
        default="published",
        help="where the network's folder is made; `published` by default",
    )
    parser.add_argument(
        "--pages", help="where page and pictures go instead, in a folder of that name"
    )
    parser.add_argument(
        "--sections",
        metavar="FILE",
        help="a .json object of more sections for the card, such as a baseline",
    )


def run(args: Namespace) -> None:
    """Publishes; says what there is then and how to load it."""
    from keras_dynres import data, files, zoo
    from keras_dynres.errors import DynresError
    from keras_dynres_cli import sources
    from keras_dynres_cli.description import Run, description

    finished = Run.load(Path(args.folder).expanduser(), args.data_dir)
    name = finished.network.name
    more = files.read_json(Path(args.sections), "sections") if args.sections else {}
    if not isinstance(more, dict):
        raise DynresError(f"Sections are a JSON object. Received: {args.sections!r}")
    out = sources.folder(args.out)
    pages = sources.folder(Path(args.pages or out) / name)
    with data.clear_errors(finished.network.images.name):
        shown = description(finished, pages)
    card = zoo.publish(
        finished.model,
        finished.network,
        {**shown, **more},
        out,
        pages / "README.md",
    )
    place = out / name
    print(f"Wrote {place / card.weights.file} and {pages / 'README.md'}.")
    print(f"Next: keras_dynres.zoo.load({str(place)!r})")
