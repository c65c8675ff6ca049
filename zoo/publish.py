"""Publishes a trained network: weights and card, page, recipe and results.

python zoo/publish.py NAME --model=model.keras --results=results.json
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import keras
from absl import app, flags
from keras_dynres.training.recipe import FOLDER

import keras_dynres as kd
from keras_dynres.errors import DynresError

HERE = Path(__file__).parent
FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Calibrated, measured model (.keras).")
flags.DEFINE_string("results", None, "JSON file of further results.")
flags.DEFINE_string(
    "out",
    str(HERE.parent / "keras_dynres" / "zoo" / "models"),
    "Folder for weights and card; by default the package's own.",
)
flags.DEFINE_string("pages", str(HERE), "Folder for page, recipe and results.")
flags.mark_flags_as_required(["model", "results"])


def main(args: Sequence[str]) -> int:
    """Publishes, or says in a sentence why not."""
    if len(args) != 2:
        print(f"Expected one name. Received: {args[1:]}", file=sys.stderr)
        return 2
    folder = Path(FLAGS.pages) / args[1]
    try:
        entry = kd.zoo.card(args[1]).entry
        model = keras.saving.load_model(FLAGS.model)
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / "README.md"
        card = kd.zoo.publish(model, entry.name, FLAGS.results, FLAGS.out, page)
        shutil.copyfile(FLAGS.results, folder / "results.json")
        shutil.copy(FOLDER / f"{entry.recipe}.json", folder)
    except (DynresError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{FLAGS.out}/{entry.name}/{card.weights.file}: {card.weights.size} bytes")
    return 0


if __name__ == "__main__":
    app.run(main)
