"""keras-dynres export: a menu into one .tflite file."""

from keras_dynres.cli import sources

ABOUT = "Writes a .tflite file with a signature for each instance, and checks it."
EXAMPLE = (
    "keras-dynres export sdpoint_wrn16_2_cifar10 -o net.tflite --precision float16"
)


def arguments(parser):
    """The command's own arguments."""
    sources.model_arguments(parser)
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help=".tflite")
    parser.add_argument(
        "--instances",
        nargs="+",
        metavar="NAME",
        default=["pareto"],
        help="pareto (those no cheaper one beats, the default), all, or names",
    )
    parser.add_argument(
        "--precision", default="float32", help="float32, float16, int8, int8-weights"
    )
    sources.data_arguments(parser, batch_size=64)
    parser.add_argument(
        "--batches", type=int, default=4, help="batches of images int8 is calibrated on"
    )


def run(args):
    """Exports, prints the menu of the file and its size."""
    from keras_dynres import data, tflite
    from keras_dynres.zoo.labels import LABELS

    out = sources.output(args.output, (".tflite",))
    source = sources.load(args)
    name = args.dataset or source.dataset
    images = None
    if args.precision == "int8":
        images = sources.images(args, source, "train").take(args.batches)
    tflite.export(
        source.model,
        out,
        instances=instances(args.instances),
        precision=args.precision,
        calibration_data=images,
        labels=LABELS.get(name),
        preprocessing=name and data.info(name).preprocessing,
    )
    print(tflite.Runner(out).menu)
    print(f"Wrote {out}, {out.stat().st_size / 1e6:.2f} MB.")


def instances(words):
    """What `tflite.export` takes: a keyword or a list of names."""
    return words[0] if words in (["pareto"], ["all"]) else words
