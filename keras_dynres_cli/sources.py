"""What a command is given: a model, its data; and where its result goes."""

import dataclasses
import json
import uuid
from pathlib import Path
from typing import Any

from absl import app

from keras_dynres.errors import DynresError, UnknownNameError, did_you_mean
from keras_dynres_cli.options import MODEL_FILES

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

    model: Any
    title: str
    dataset: str | None = None
    card: Any = None


def load(args, like=None):
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


def images(args, source, split, **options):
    """The split of the source's data set."""
    from keras_dynres import data

    return data.load(
        dataset(args, source), split, args.data_dir, args.batch_size, **options
    )


def dataset(args, source):
    """The name of the data set."""
    name = args.dataset or source.dataset
    if name is None:
        raise app.UsageError(
            f"What data {source.title!r} takes is not known: say --dataset or --like."
        )
    return name


def recipe(args, source):
    """The recipe the source was trained by, None where none is known."""
    from keras_dynres import training

    if source.card is not None:
        return training.Recipe.load(source.card.entry.recipe)
    return beside(args.model)


def save(model, path):
    """Writes a model to a .keras or .npz file, which appears whole or not at all."""
    from keras_dynres.zoo import weights

    path = Path(path)
    if path.suffix == ".npz":
        weights.save(model, path)
        return
    draft = path.with_name(f".{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        model.save(draft)
        draft.replace(path)
    except OSError as error:
        raise DynresError(
            f"Cannot write {str(path)!r}: {error.strerror or error}."
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def existing(path):
    """The path of a file that is there."""
    path = Path(path).expanduser()
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DynresError(f"The file {what}. Received: {str(path)!r}.")
    return path


def output(path, suffixes):
    """A path to write to, refused before any work is done for it."""
    path = Path(path).expanduser()
    if path.suffix not in suffixes:
        near = did_you_mean(path.suffix, suffixes)
        raise DynresError(f"Unknown kind of output. Received: {str(path)!r}.{near}")
    folder(path.parent)
    return path


def folder(path):
    """A folder that can be written to, made when missing."""
    path = Path(path).expanduser()
    probe = path / f".{uuid.uuid4().hex[:12]}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DynresError(
            f"The folder cannot be written to ({error.strerror or error}). "
            f"Received: {str(path)!r}."
        ) from error
    return path


def beside(path):
    """The recipe that the results beside a model's file tell of, None without."""
    from keras_dynres.training import Recipe

    path = Path(path).with_name(RESULTS)
    if not path.is_file():
        return None
    try:
        return Recipe.from_config(json.loads(path.read_text("utf-8"))["recipe"])
    except DynresError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DynresError(
            f"{str(path)!r} tells of no training ({error}): mend or remove it."
        ) from error


def _like(name, path):
    """The zoo's entry or the recipe that tells what a file's weights belong to."""
    from keras_dynres import training, zoo
    from keras_dynres.zoo import registry, weights

    if name is None and (found := beside(path)):
        return found
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
    if name not in training.names() and not name.endswith(".json"):
        offered = [*zoo.list(), *training.names()]
        raise UnknownNameError("network or recipe", name, offered)
    return training.Recipe.load(name)


def _from_file(path, like):
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


def load_keras(path):
    """The `DynamicModel` in a .keras file."""
    import keras

    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:
        # What Keras raises depends on where in the file it stopped.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise DynresError(
            f"{str(path)!r} is not a whole .keras file (truncated, changed, or of "
            f"another version): {lines[0]}"
        ) from error
    return _dynamic(model, path)


def _dynamic(model, path):
    from keras_dynres import DynamicModel, methods

    if not isinstance(model, DynamicModel):
        raise DynresError(
            f"{str(path)!r} holds a plain network and no menu: give it one by a method "
            f"({', '.join(methods.METHODS)}) and save that."
        )
    return model
