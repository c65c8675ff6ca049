"""keras-dynres export: a menu into one .tflite file."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from keras_dynres_cli import options

if TYPE_CHECKING:
    from keras_dynres import Menu

ABOUT = "Writes a .tflite file with a signature for each instance, and checks it."
EXAMPLE = (
    "keras-dynres export sdpoint_wrn16_2_cifar10 -o net.tflite --precision float16"
)


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    options.model(parser)
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
    parser.add_argument(
        "--separate", action="store_true", help="write a file for each instance"
    )
    parser.add_argument(
        "--dynamic",
        action="store_true",
        help="export instances that compute as many points as an image needs, too",
    )
    options.data(parser)
    parser.epilog += (
        "\n\nint8 takes training images from --data_dir to learn the ranges of "
        "activations;\nthe other precisions take test images from there to check the "
        "file with, and\nrandom ones without."
    )


def run(args: Namespace) -> None:
    """Exports; `tflite.export` prints what it wrote and found."""
    from keras_dynres import data, tflite
    from keras_dynres.tflite.precision import precision_of
    from keras_dynres_cli import sources

    out = sources.output(args.output, (".tflite",))
    precision = precision_of(args.precision)
    source = sources.load(args)
    known = sources.dataset(args, source) if args.dataset or source.network else None
    calibration = verification = None
    if precision.integer:
        calibration = sources.images(args, source, "train")
    elif args.data_dir or (known and not known.source):
        verification = sources.images(args, source, "test").take(1)
    names = instances(source.model.menu, args.instances)
    with data.clear_errors(known and known.name):
        report = tflite.export(
            source.model,
            out,
            instances=names,
            precision=precision.name,
            calibration_data=calibration,
            separate=args.separate,
            dynamic=args.dynamic,
            labels=(known and known.class_names) or None,
            preprocessing=known and known.preprocessing,
            verify_data=verification,
        )
    print(f"Wrote {', '.join(report.paths)}.")


def instances(menu: "Menu", words: list[str]) -> str | list[str]:
    """What `tflite.export` takes: a keyword or the menu's names."""
    if words in (["pareto"], ["all"]):
        return words[0]
    return [menu[word].name for word in words]
