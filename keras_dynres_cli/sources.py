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
    from keras_dynres.data import Dataset
    from keras_dynres.zoo import Card, Network

# `train` leaves it beside the model; it holds the network, which names the data set.
RESULTS = "results.json"


@dataclasses.dataclass(frozen=True)
class Source:
    """A model and what is known of it.

    Args:
        model: The `DynamicModel`.
        title: What to call it.
        network: The `Network` it was made by, None where unknown.
        card: Its `zoo.Card`, None where it is a file.
    """

    model: "DynamicModel"
    title: str
    network: "Network | None" = None
    card: "Card | None" = None


def load(args: Namespace, like: "Network | None" = None) -> Source:
    """The `Source` that the arguments name.

    Args:
        args: The namespace of the command line.
        like: A `Network` known from elsewhere.
    """
    path = Path(args.model)
    if path.suffix in MODEL_FILES:
        return _from_file(existing(path), like or _like(args.like, path))
    from keras_dynres import zoo

    known = args.model in zoo.list() or zoo.addresses.is_address(args.model)
    if not known and (path.suffix or len(path.parts) > 1):
        raise DynresError(
            "A model is a name of the zoo, a folder with a card, hf://org/name, or a "
            f".keras or .npz file. Received: {args.model!r}."
        )
    card = zoo.card(args.model)
    model = zoo.loader.published(card, args.model)
    return Source(model, args.model, card.network, card)


def images(
    args: Namespace, source: Source, split: str, **options: Any
) -> Iterable[Any]:
    """The split of the source's data set; pictures at the size that the model takes."""
    from keras_dynres import data

    known = dataset(args, source)
    _, height, width, _ = source.model.base.inputs[0].shape
    if height and known.task != "classes":
        known = dataclasses.replace(known, size=(height, width))
    elif height and height == width and not known.in_memory:
        known = dataclasses.replace(known, size=height)
    batch_size = min(args.batch_size, known.train_images)
    return data.load(known, split, args.data_dir, batch_size, **options)


def dataset(args: Namespace, source: Source) -> "Dataset":
    """The data set that was asked for, or else the network's own."""
    from keras_dynres import data

    own = source.network and source.network.images
    if args.dataset:
        folder = Path(args.dataset).expanduser()
        if args.dataset in data.DATASETS or not folder.is_dir():
            return data.info(args.dataset)
        return _pictures(folder, source.model, own)
    if own is None:
        raise app.UsageError(
            f"What data {source.title!r} takes is not known: say --dataset or --like."
        )
    return own


def _pictures(path: Path, model: "DynamicModel", own: "Dataset | None") -> "Dataset":
    """The pictures in a folder; if it is the model's own, of the same splits."""
    from keras_dynres import data

    like = {"held_out": own.held_out or 0.2, "seed": own.seed} if own else {}
    pictures = data.folder(path, max(model.base.inputs[0].shape[1:3]), **like)
    if own and own.class_names and own.class_names != pictures.class_names:
        odd = sorted({*own.class_names} ^ {*pictures.class_names})
        raise DynresError(
            "The pictures are of other classes than the model tells apart. "
            f"Received: {str(path)!r}, which differs in {', '.join(odd)}"
        )
    return pictures


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


def beside(path: str | Path) -> "Network | None":
    """The network that the results beside a model's file tell of, None without."""
    from keras_dynres.zoo import Network

    path = Path(path).with_name(RESULTS)
    if not path.is_file():
        return None
    results = files.read_json(path, "the results of a training")
    if not isinstance(results, dict) or not isinstance(results.get("network"), dict):
        raise DynresError(
            f"{str(path)!r} tells of no training, it has no network: mend or remove it."
        )
    return Network.from_config(results["network"])


def _like(name: str | None, path: Path) -> "Network | None":
    """The network that a file's weights belong to."""
    from keras_dynres import zoo
    from keras_dynres.zoo import weights

    if name is None and (trained_by := beside(path)):
        return trained_by
    if name is None and path.suffix == ".npz":
        name = weights.read(path)[0]["model"]
        if name not in zoo.list():
            raise app.UsageError(
                f"{str(path)!r} holds the weights of a network {name!r} that the zoo "
                "has not: say --like NAME, a network of the zoo or its .json file."
            )
    return None if name is None else zoo.Network.load(name)


def _from_file(path: Path, like: "Network | None") -> Source:
    from keras_dynres.zoo import loader, weights

    if path.suffix == ".keras":
        return Source(load_keras(path), str(path), like)
    model = loader.build(like)
    weights.load(model, path)
    return Source(model, str(path), like)


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
