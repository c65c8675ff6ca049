"""keras-dynres publish: a finished training as a network that others load."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

ABOUT = "Makes a folder that zoo.load takes of a training: weights, card and page."
EXAMPLE = "keras-dynres publish runs/net --data_dir ~/data --out published"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "folder",
        metavar="RUN",
        help="what `train` wrote; or, with --push, what `publish` wrote",
    )
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
    parser.add_argument(
        "--push", metavar="ADDRESS", help="upload it to the hub, as hf://org/name"
    )
    parser.add_argument(
        "--private", action="store_true", help="a new repository is the owners' alone"
    )


def run(args: Namespace) -> None:
    """Publishes, uploads if asked; says what there is then and how to load it."""
    from keras_dynres import zoo
    from keras_dynres.zoo import hub, places

    if args.push:
        hub.parts(args.push)  # Refused before any work is done.
    folder = Path(args.folder).expanduser()
    if not args.push or not (folder / places.CARD).is_file():
        folder = _published(args, folder)
    address = args.push or str(folder)
    if args.push:
        print(f"Wrote {zoo.push(folder, args.push, args.private)}.")
    print(f"Next: keras_dynres.zoo.load({address!r})")


def _published(args: Namespace, run: Path) -> Path:
    """The folder that a finished training is published in."""
    from keras_dynres import data, files, zoo
    from keras_dynres.errors import DynresError
    from keras_dynres.zoo.places import PAGE
    from keras_dynres_cli import sources
    from keras_dynres_cli.description import Run, description

    finished = Run.load(run, args.data_dir)
    name = finished.network.name
    more = files.read_json(Path(args.sections), "sections") if args.sections else {}
    if not isinstance(more, dict):
        raise DynresError(f"Sections are a JSON object. Received: {args.sections!r}")
    out = sources.folder(args.out)
    pages = sources.folder(Path(args.pages or out) / name)
    with data.clear_errors(finished.network.images.name):
        shown = {**description(finished, pages), **more}
    card = zoo.publish(finished.model, finished.network, shown, out, pages / PAGE)
    print(f"Wrote {out / name / card.weights.file} and {pages / PAGE}.")
    return out / name
