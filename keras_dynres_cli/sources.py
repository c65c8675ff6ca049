"""What a command is given: a model, its data; and where its result goes."""

import dataclasses
import tempfile
import uuid
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import app

from keras_dynres import files
from keras_dynres.errors import DynresError, one_of
from keras_dynres_cli.options import MODEL_FILES

if TYPE_CHECKING:
    import keras

    from keras_dynres import DynamicModel
    from keras_dynres.training import Recipe
    from keras_dynres.zoo import Card, Entry

# `train` leaves it beside the model; it holds the recipe, which names the data set.
RESULTS = "results.json"


@dataclasses.dataclass(frozen=True)
class Source:
    """A model and what is known of it.

    Args:
        model: The `DynamicModel`.
        title: What to call it.
        dataset: Name of its data set, None where unknown.
        card: Its `zoo.Card`, None where it is not of the zoo.
    """

    model: "DynamicModel"
    title: str
    dataset: str | None = None
    card: "Card | None" = None


def load(args: Namespace, like: "Recipe | None" = None) -> Source:
    """The `Source` that the arguments name.

    Args:
        args: The namespace of the command line.
        like: A `Recipe` known from elsewhere.
    """
    path = Path(args.model)
    if path.suffix in MODEL_FILES:
        return _from_file(existing(path), like or _like(args.like, path))
    from keras_dynres import zoo

    if args.model not in zoo.list() and (path.suffix or len(path.parts) > 1):
        raise DynresError(
            "A model is a name of the zoo or a .keras or .npz file. "
            f"Received: {args.model!r}."
        )
    card = zoo.card(args.model)
    return Source(zoo.load(args.model), args.model, card.entry.dataset, card)


def images(
    args: Namespace, source: Source, split: str, **options: Any
) -> Iterable[Any]:
    """The split of the source's data set; pictures at the size that the model takes."""
    from keras_dynres import data

    known = data.info(dataset(args, source))
    _, height, width, _ = source.model.base.inputs[0].shape
    if height and known.task != "classes":
        known = dataclasses.replace(known, size=(height, width))
    elif height and height == width and not known.in_memory:
        known = dataclasses.replace(known, size=height)
    return data.load(known, split, args.data_dir, args.batch_size, **options)


def dataset(args: Namespace, source: Source) -> str:
    """The name of the data set."""
    name = args.dataset or source.dataset
    if name is None:
        raise app.UsageError(
            f"What data {source.title!r} takes is not known: say --dataset or --like."
        )
    return name


def recipe(args: Namespace, source: Source) -> "Recipe | None":
    """The recipe the source was trained by, None where none is known."""
    from keras_dynres import training

    if source.card is not None:
        return training.Recipe.load(source.card.entry.recipe)
    return beside(args.model)


def save(model: "DynamicModel", path: str | Path) -> None:
    """Writes a model to a .keras or .npz file, which appears whole or not at all."""
    from keras_dynres.zoo import weights

    path = Path(path)
    if path.suffix == ".npz":
        weights.save(model, path)
        return
    draft = path.with_name(f".{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        with files.writing(path, "model"):
            model.save(draft)
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def existing(path: str | Path) -> Path:
    """The path of a file that is there."""
    path = Path(path).expanduser()
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DynresError(f"The file {what}. Received: {str(path)!r}.")
    return path


def output(path: str | Path, suffixes: Sequence[str]) -> Path:
    """A path to write to, refused before any work is done for it."""
    path = Path(path).expanduser()
    one_of(f"ending of {str(path)!r}", path.suffix, suffixes)
    folder(path.parent)
    files.check_writable(path)
    return path


def folder(path: str | Path) -> Path:
    """A folder that can be written to, made when missing."""
    path = Path(path).expanduser()
    with files.writing(path, "folder"):
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    return path


def beside(path: str | Path) -> "Recipe | None":
    """The recipe that the results beside a model's file tell of, None without."""
    from keras_dynres.training import Recipe

    path = Path(path).with_name(RESULTS)
    if not path.is_file():
        return None
    results = files.read_json(path, "the results of a training")
    if not isinstance(results, dict) or not isinstance(results.get("recipe"), dict):
        raise DynresError(
            f"{str(path)!r} tells of no training, it has no recipe: mend or remove it."
        )
    return Recipe.from_config(results["recipe"])


def _like(name: str | None, path: Path) -> "Entry | Recipe | None":
    """The zoo's entry or the recipe that tells what a file's weights belong to."""
    from keras_dynres import training, zoo
    from keras_dynres.zoo import registry, weights

    if name is None and (trained_by := beside(path)):
        return trained_by
    if name is None and path.suffix == ".npz":
        name = weights.read(path)[0]["model"]
        if name not in zoo.list():
            raise app.UsageError(
                f"{str(path)!r} holds the weights of a network {name!r} that the zoo "
                "has not: say --like NAME, a recipe or a network of the zoo."
            )
    if name is None:
        return None
    if name in zoo.list():
        return registry.get(name)
    if not name.endswith(".json"):
        one_of("network or recipe", name, [*zoo.list(), *training.names()])
    return training.Recipe.load(name)


def _from_file(path: Path, like: "Entry | Recipe | None") -> Source:
    from keras_dynres import training, zoo
    from keras_dynres.zoo import weights

    data = getattr(like, "dataset", None)
    if path.suffix == ".keras":
        return Source(load_keras(path), str(path), data)
    if isinstance(like, training.Recipe):
        model = training.build(like)
        weights.load(model, path)
    else:
        model = zoo.load(like.name, weights=path)
    return Source(_dynamic(model, path), str(path), data)


def load_keras(path: str | Path) -> "DynamicModel":
    """The `DynamicModel` in a .keras file."""
    import keras

    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:
        # Any kind of error: which one depends on where in the file Keras stopped.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise DynresError(
            f"{str(path)!r} is not a whole .keras file (truncated, changed, or of "
            f"another version): {lines[0]}"
        ) from error
    return _dynamic(model, path)


def _dynamic(model: "keras.Model", path: str | Path) -> "DynamicModel":
    from keras_dynres import DynamicModel, methods

    if not isinstance(model, DynamicModel):
        raise DynresError(
            f"{str(path)!r} holds a plain network and no menu: give it one by a method "
            f"({', '.join(methods.METHODS)}) and save that."
        )
    return model
