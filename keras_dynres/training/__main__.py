"""`python -m keras_dynres.training RECIPE --data_dir D --out_dir O [--resume]`."""

import argparse
import sys

from keras_dynres import training
from keras_dynres.errors import DynresError


def main() -> int:
    """Trains a recipe; the exit code is 1 after an error, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m keras_dynres.training")
    parser.add_argument("recipe", help="name or path of a recipe")
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument("--out_dir", required=True, help="checkpoints and logs")
    parser.add_argument("--resume", action="store_true", help="go on where it stopped")
    parser.add_argument("--epochs", type=int, help="stop after this many")
    parser.add_argument("--validate_every", type=int, default=1)
    parser.add_argument("--tensorboard", action="store_true")
    parser.add_argument("--on_corrupt", default="raise", help="or skip")
    try:
        training.train(**vars(parser.parse_args()))
    except DynresError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        print(error or "Interrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
