"""keras-dynres import: a published checkpoint as weights of the zoo."""

from argparse import ArgumentParser, Namespace

ABOUT = "Makes weights of the zoo from a published PyTorch checkpoint."
EXAMPLE = "keras-dynres import msdnet_imagenet msdnet-step=4-block=5.pth.tar"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("name", metavar="NAME", help="the network's name in the zoo")
    parser.add_argument(
        "file", metavar="FILE", help=".pth.tar, .pth, .pt, .safetensors or .npz"
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        help=".npz; by default into the zoo's cache, where zoo.load looks",
    )


def run(args: Namespace) -> None:
    """Imports a checkpoint; says where the weights are and how to load them."""
    from keras_dynres import zoo
    from keras_dynres_cli import sources

    file = sources.existing(args.file)
    out = args.out and sources.output(args.out, [".npz"])
    path = zoo.import_checkpoint(args.name, file, out)
    weights = f", weights={str(path)!r}" if out else ""
    print(f"Wrote {path}.")
    print(f"Next: keras_dynres.zoo.load({args.name!r}{weights})")
