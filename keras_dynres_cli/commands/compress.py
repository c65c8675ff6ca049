"""keras-dynres compress: fewer bytes for a whole menu."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from absl import app

from keras_dynres_cli import options

if TYPE_CHECKING:
    from keras_dynres_cli.sources import Source

ABOUT = "Prunes or clusters weights or gives them fewer bits, for all instances."
EXAMPLE = (
    "keras-dynres compress sdpoint_wrn16_2_cifar10 -o small.keras --prune 0.6 "
    "--data_dir ~/data"
)


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    options.model(parser)
    options.data(parser)
    parser.add_argument(
        "--prune", type=float, metavar="SHARE", help="share of the weights to set to 0"
    )
    parser.add_argument(
        "--cluster", type=int, metavar="COUNT", help="how many values a kernel has"
    )
    parser.add_argument("--bits", type=int, help="bits a weight, 2 to 8, trained for")
    parser.add_argument("--augment", default="none", help="as in training")
    parser.add_argument(
        "--epochs", type=int, default=1, help="walks over the training images"
    )
    parser.add_argument("--rate", type=float, default=0.003, help="learning rate")
    parser.add_argument("--batches", type=int, default=100, help="to calibrate with")
    parser.add_argument(
        "-o", "--output", metavar="OUT", required=True, help=".keras or .npz"
    )
    parser.epilog += (
        "\n\n--prune and --cluster train the full network by tensorflow-model-"
        "optimization\n(pip install keras-dynres[tfmot]), then all instances to what "
        "is left of it.\n--bits may follow --prune. What is written is an ordinary "
        "network: `keras-dynres\nexport OUT --precision int8` makes a bundle of it, "
        "which gzip makes small."
    )


def run(args: Namespace) -> None:
    """Compresses, calibrates, saves."""
    if args.prune is None and args.cluster is None and args.bits is None:
        raise app.UsageError("Compress how? Say --prune, --cluster or --bits.")
    if args.cluster is not None and (args.prune, args.bits) != (None, None):
        raise app.UsageError("Clusters go with neither --prune nor --bits.")
    from keras_dynres import data
    from keras_dynres_cli import sources

    out = sources.output(args.output, options.MODEL_FILES)
    source = sources.load(args)
    images = sources.images(args, source, "train", augment=args.augment)
    with data.clear_errors(sources.dataset(args, source).name):
        _change(args, source, images)
        source.model.calibrate(images, min(args.batches, len(images)))
    sources.save(source.model, out)
    print(f"Wrote {out}. Next: keras-dynres evaluate {out}, or export it.")


def _change(args: Namespace, source: "Source", images: object) -> None:
    import keras

    from keras_dynres import compress

    model = source.model
    few = {"epochs": args.epochs}
    if args.prune is not None:
        print(f"Pruning the full network to {args.prune:g} zeros ...", flush=True)
        compress.prune(model, images, args.prune, learning_rate=args.rate, **few)
    if args.cluster is not None:
        print(f"Clustering the full network to {args.cluster} values ...", flush=True)
        compress.cluster(model, images, args.cluster, **few)
    rate = keras.optimizers.schedules.CosineDecay(args.rate, len(images) * args.epochs)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
    model.compile(optimizer, **_losses(args, source), jit_compile=False)
    held = compress.held(model)
    if args.bits is not None:
        held = compress.quantize_aware(model, args.bits)
    print("Training all instances ...", flush=True)
    with held:
        model.fit(images, shuffle=False, callbacks=_callbacks(model), **few)


def _callbacks(model: object) -> list:
    import keras_dynres as kd

    if not isinstance(model, kd.Sampled):
        return []
    # It is only led back: the temperature at which a training ends, where gradients of
    # masks are large, would lead it away.
    return [kd.callbacks.GumbelAnnealing(0.1, 0.1)]


def _losses(args: Namespace, source: "Source") -> dict:
    """What `compile` is told besides the optimizer, by the data set's labels."""
    from keras_dynres.training import tasks
    from keras_dynres_cli import sources

    known = sources.dataset(args, source)
    return tasks.compilation(known, source.model.base)
