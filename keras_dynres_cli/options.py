"""Options that several commands share."""

from argparse import ArgumentParser

MODEL_FILES = (".keras", ".npz")


def model(parser: ArgumentParser) -> None:
    """What `sources.load` is told."""
    parser.add_argument(
        "model", metavar="MODEL", help="name in the zoo, or a .keras or .npz file"
    )
    parser.add_argument(
        "--like",
        metavar="NAME",
        help="the network of the zoo, or its .json file, that a file's weights belong "
        "to; by default the results.json beside the file, or the name inside",
    )


def data(parser: ArgumentParser) -> None:
    """What `sources.images` is told."""
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument(
        "--dataset",
        help="data set, or folder of pictures; by default the model's own",
    )
    parser.add_argument("--batch_size", type=int, default=128, help="128 by default")
