"""keras-dynres import: a published checkpoint as weights of the zoo."""

from argparse import ArgumentParser, Namespace

ABOUT = "Makes weights of the zoo from a published PyTorch checkpoint."
EXAMPLE = "keras-dynres import msdnet_imagenet"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "name",
        metavar="NAME",
        help="the network's name in the zoo; or the checkpoint, alone, of any MSDNet",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help=".pth.tar, .pth, .pt, .safetensors or .npz, or an address of one (in an "
        "archive: ADDRESS#FILE); by default where the network's was published",
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        help=".npz, or of a checkpoint alone a folder; by default into the zoo's "
        "cache, where zoo.load looks",
    )


def run(args: Namespace) -> None:
    """Imports a checkpoint; says where the weights are and how to load them."""
    from keras_dynres import zoo
    from keras_dynres_cli import sources

    known = args.name in zoo.list() or args.name.endswith(".json")
    out = args.out
    if out:
        out = sources.output(out, [".npz"]) if known else sources.folder(out)
    path = zoo.import_checkpoint(args.name, args.file, out)
    print(f"Wrote {path}.")
    name = args.name if known else str(path)
    weights = f", weights={str(path)!r}" if known and out else ""
    print(f"Next: keras_dynres.zoo.load({name!r}{weights})")
