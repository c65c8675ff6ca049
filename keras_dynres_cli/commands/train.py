"""keras-dynres train: a network, from the first step to a calibrated model."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from absl import app

if TYPE_CHECKING:
    from keras_dynres.data import Dataset
    from keras_dynres.training import Processes
    from keras_dynres.zoo import Network

ABOUT = "Trains a network to a calibrated model; killed at any time, --resume goes on."
EXAMPLE = """\
keras-dynres train sdpoint_wrn16_2_cifar10 --data_dir ~/data --out_dir runs/net
  keras-dynres train resnet14_imagenette --images ~/photos --size 128
  keras-dynres train --base keras.applications.MobileNetV2 --images ~/photos"""
# Of keras.applications, whose networks are taken for their weights.
_WEIGHTS = "imagenet"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "network",
        metavar="NETWORK",
        nargs="?",
        help="name in the zoo, or path of a .json; or else say --base",
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
        "--set",
        nargs="+",
        action="extend",
        metavar="ENTRY=VALUE",
        default=[],
        help="other values for what the network says, such as epochs=5 "
        "learning_rate=0.01",
    )
    parser.add_argument(
        "--validate_every", type=int, default=1, help="epochs between two evaluations"
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="write TensorBoard's files too"
    )
    parser.add_argument(
        "--on_corrupt", default="raise", help="raise or skip, at a damaged image"
    )
    photos = parser.add_argument_group("your own pictures")
    photos.add_argument(
        "--images",
        metavar="FOLDER",
        help="train on these: FOLDER/cat/1.jpg, or FOLDER/train and FOLDER/test",
    )
    photos.add_argument(
        "--size", type=int, help="height and width; by default the network's own"
    )
    photos.add_argument(
        "--held_out",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of each class to test with, where FOLDER has no test; 0.2",
    )
    tuned = parser.add_argument_group("a network that was trained elsewhere")
    tuned.add_argument(
        "--base",
        metavar="BASE",
        help="keras.applications.NAME, or a .keras file, with a new classifier",
    )
    tuned.add_argument(
        "--weights",
        metavar="WEIGHTS",
        help=f"of keras.applications: {_WEIGHTS} (the default), a file, or none",
    )
    tuned.add_argument("--method", default="plain", help="plain by default")
    tuned.add_argument(
        "--frozen_epochs",
        type=int,
        default=0,
        metavar="N",
        help="in the first N epochs the new classifier learns alone",
    )
    several = parser.add_argument_group(
        "several processes, with KERAS_BACKEND=jax, each given the same command"
    )
    several.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help="address of process 0, or auto: a TPU pod, Slurm or Open MPI tells it all",
    )
    several.add_argument(
        "--processes", type=int, metavar="N", help="how many there are"
    )
    several.add_argument(
        "--process", type=int, metavar="I", help="which one this is: 0 to N - 1"
    )


def run(args: Namespace) -> None:
    """Trains; says what there is then and what to do with it."""
    if (args.network is None) == (args.base is None):
        raise app.UsageError("Train what? Say NETWORK, or --base, one of them.")
    if args.base and not args.images:
        raise app.UsageError("--base is trained on --images FOLDER: say both.")
    from keras_dynres import training

    processes = _processes(args)
    network = _changed(_fine_tuning(args) if args.base else _network(args), args.set)
    folder = Path(args.out_dir or Path("runs", network.name)).expanduser()
    model = training.train(
        network,
        data_dir=args.data_dir,
        out_dir=folder,
        resume=args.resume,
        epochs=args.epochs,
        validate_every=args.validate_every,
        tensorboard=args.tensorboard,
        on_corrupt=args.on_corrupt,
        processes=processes,
    )
    if args.epochs is not None and args.epochs < network.epochs:
        print(f"Stopped after epoch {args.epochs}; --resume goes on from there.")
        return
    if processes and model is None:
        print("This process is done; process 0 calibrates, measures and writes.")
        return
    file = folder / "model.keras"
    print(f"Wrote {file} and {folder / 'results.json'}.")
    print(f"Next: keras-dynres export {file} -o net.tflite")
    print(f"  or: keras-dynres publish {folder}")


def _processes(args: Namespace) -> "Processes | None":
    from keras_dynres import training

    told = (args.coordinator, args.processes, args.process)
    return None if told == (None, None, None) else training.Processes(*told)


def _network(args: Namespace) -> "Network":
    """The network that is named, for the pictures that are."""
    from keras_dynres import zoo

    network = zoo.Network.load(args.network)
    if not args.images:
        return network
    return zoo.for_images(network, _pictures(args, max(network.images.shape)))


def _fine_tuning(args: Namespace) -> "Network":
    from keras_dynres import architectures, zoo

    usual = _WEIGHTS if args.base.startswith(architectures.APPLICATIONS) else "none"
    weights = args.weights or usual
    return zoo.fine_tuning(
        args.base,
        _pictures(args, 224),
        args.method,
        None if weights == "none" else weights,
        args.frozen_epochs,
    )


def _pictures(args: Namespace, size: int) -> "Dataset":
    from keras_dynres import data

    pictures = data.folder(args.images, args.size or size, args.held_out)
    print(
        f"{pictures.train_images} pictures to train on, {pictures.test_images} to "
        f"test with, {pictures.classes} classes: {', '.join(pictures.class_names)}."
    )
    return pictures


def _changed(network: "Network", words: list[str]) -> "Network":
    """The network with other values in the entries that are named."""
    from keras_dynres.zoo import Network

    changes = {}
    for word in words:
        entry, equals, value = word.partition("=")
        if not equals:
            raise app.UsageError(f"--set takes ENTRY=VALUE. Received: {word!r}")
        try:
            changes[entry] = json.loads(value)
        except ValueError:
            changes[entry] = value  # A name, which needs no quotes here.
    return Network.from_config({**network.get_config(), **changes})
