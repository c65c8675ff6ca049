"""keras-dynres train: a network, from the first step to a calibrated model."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

ABOUT = "Trains a network to a calibrated model; killed at any time, --resume goes on."
EXAMPLE = (
    "keras-dynres train sdpoint_wrn16_2_cifar10 --data_dir ~/data --out_dir runs/net"
)


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "network", metavar="NETWORK", help="name in the zoo, or path of a .json"
    )
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument(
        "--out_dir",
        help="for checkpoints, logs and model.keras; runs/NETWORK by default",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in out_dir"
    )
    parser.add_argument("--epochs", type=int, help="stop after this many")
    parser.add_argument(
        "--validate_every", type=int, default=1, help="epochs between two evaluations"
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="write TensorBoard's files too"
    )
    parser.add_argument(
        "--on_corrupt", default="raise", help="raise or skip, at a damaged image"
    )


def run(args: Namespace) -> None:
    """Trains; says what there is then and what to do with it."""
    from keras_dynres import training
    from keras_dynres.zoo import Network

    network = Network.load(args.network)
    folder = Path(args.out_dir or Path("runs", network.name)).expanduser()
    training.train(
        network,
        data_dir=args.data_dir,
        out_dir=folder,
        resume=args.resume,
        epochs=args.epochs,
        validate_every=args.validate_every,
        tensorboard=args.tensorboard,
        on_corrupt=args.on_corrupt,
    )
    if args.epochs is not None and args.epochs < network.epochs:
        print(f"Stopped after epoch {args.epochs}; --resume goes on from there.")
        return
    model = folder / "model.keras"
    print(f"Wrote {model} and {folder / 'results.json'}.")
    print(f"Next: keras-dynres export {model} -o net.tflite")
