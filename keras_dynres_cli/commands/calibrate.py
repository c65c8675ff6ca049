"""keras-dynres calibrate: batch-norm statistics for every instance."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from absl import app

from keras_dynres_cli import options

ABOUT = "Computes the batch-norm statistics that instances need for inference."
EXAMPLE = "keras-dynres calibrate runs/sdpoint/model.keras --data_dir ~/data"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    options.model(parser)
    options.data(parser)
    parser.add_argument("--augment", default="none", help="as in training")
    parser.add_argument("--batches", type=int, default=100, help="training batches")
    parser.add_argument(
        "--instances", nargs="+", metavar="NAME", help="by default every one"
    )
    parser.add_argument(
        "--resume", action="store_true", help="leave out what is calibrated in OUT"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help=".keras or .npz; MODEL itself by default"
    )


def run(args: Namespace) -> None:
    """Calibrates a model and saves it."""
    if args.output is None and Path(args.model).suffix not in options.MODEL_FILES:
        raise app.UsageError("Where does the calibrated model go? Say --output FILE.")
    from keras_dynres import data
    from keras_dynres_cli import sources

    out = sources.output(args.output or args.model, options.MODEL_FILES)
    like = None
    if args.resume and out.is_file():
        like = None if args.like else sources.beside(args.model)
        args.model = str(out)
    source = sources.load(args, like)
    model = source.model
    names = [model.menu[name].name for name in args.instances or model.menu.names]
    images = sources.images(args, source, "train", augment=args.augment)
    before = {name for name in names if model.is_calibrated(name)}
    try:
        with data.clear_errors(sources.dataset(args, source).name):
            model.calibrate(images, args.batches, names, args.resume)
    except KeyboardInterrupt:
        done = {name for name in names if model.is_calibrated(name)} - before
        if not done:
            raise
        sources.save(model, out)
        raise KeyboardInterrupt(
            f"Interrupted: {len(done)} of {len(names)} instances were calibrated and "
            f"are kept in {str(out)!r}; the same command with --resume does the others."
        ) from None
    sources.save(model, out)
    print(f"Calibrated {len(names)} instances; wrote {out}.")
