"""Folders of pictures as data sets: their classes, and which picture is in which split.

Nothing is decoded here.
"""

import hashlib
from collections.abc import Iterator
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from keras_dynres.data.catalog import IMAGENET, Dataset
from keras_dynres.errors import DynresError, one_of

ENDINGS = (
    *(".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
)
# Pictures too, which must not be left out unsaid.
_UNREAD = (".avif", ".heic", ".heif", ".jp2", ".jxl", ".psd", ".raw", ".dng", ".svg")
TRAIN, TEST = "train", "test"
# What the folder of the test split may be called.
_TESTS = (TEST, "val", "validation")

# A picture's path within the folder, and its class.
Row = tuple[str, int]


def folder(
    path: str | Path,
    size: int = 160,
    held_out: float = 0.2,
    seed: int = 0,
    name: str | None = None,
) -> Dataset:
    """A folder of pictures as a data set, for `data.load` and for training.

    The pictures of a class lie in a folder named after it: `path/cat/1.jpg`. Where
    `path/train` and `path/test` (or `val`, `validation`) hold such folders, these are
    the splits; otherwise a share of each class is the test split. Hidden files, empty
    folders, and files that are no pictures count for nothing.

    Which pictures are tested depends on their names and the seed alone, so it stays as
    it is when others are added. Pictures may be of any size and colour; those that a
    camera marked as turned are turned upright, transparent ones stand on white.

    Example:

    ```python
    photos = kd.data.folder("~/photos", size=128)
    train = kd.data.load(photos, batch_size=32, augment="scale_aspect", epochs=10)
    test = kd.data.load(photos, "test", batch_size=32)
    ```

    Args:
        path: The folder.
        size: Height and width of what the network is given.
        held_out: Which share of each class's pictures is the test split, where the
            folder has none.
        seed: Of which pictures these are.
        name: What to call the data set; by default as the folder is called.

    Returns:
        A `Dataset`; its `class_names` are the folders' names, sorted.
    """
    if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
        raise DynresError(f"size is a whole number from 1. Received: size={size!r}")
    if not isinstance(held_out, Real) or not 0 < held_out < 1:
        raise DynresError(
            f"held_out is a share between 0 and 1. Received: held_out={held_out!r}"
        )
    root = Path(path).expanduser().absolute()
    splits = _splits(root)
    labels = tuple(sorted(splits[TRAIN]))
    if len(labels) < 2:
        raise DynresError(
            "Pictures lie in a folder for each class, two classes at least, as "
            f"cat/1.jpg and dog/1.jpg. Received: {str(root)!r} with "
            f"{', '.join(map(repr, labels)) or 'no such folder'}"
        )
    dataset = Dataset(
        name=name or root.name,
        source="",
        classes=len(labels),
        size=int(size),
        train=TRAIN,
        test=TEST,
        train_images=0,
        test_images=0,
        mean=IMAGENET[0],
        std=IMAGENET[1],
        in_memory=False,
        labels=labels,
        folder=str(root),
        held_out=0.0 if TEST in splits else float(held_out),
        seed=int(seed),
    )
    counts = {f"{split}_images": len(rows(dataset, split)) for split in (TRAIN, TEST)}
    return Dataset(**{**vars(dataset), **counts})


def rows(dataset: Dataset, split: str) -> list[Row]:
    """The pictures of a split, in an order by which classes are mixed.

    Args:
        dataset: The `Dataset` of a folder.
        split: `"train"` or `"test"`.
    """
    splits = _splits(Path(dataset.folder))
    labels = tuple(sorted(splits[TRAIN]))
    if labels != dataset.labels:
        missing = sorted({*dataset.labels} ^ {*labels})
        raise DynresError(
            f"The folder {dataset.folder!r} has other classes than data set "
            f"{dataset.name!r}, which was made of it. Received: {', '.join(missing)}"
        )
    if TEST not in splits:
        splits = _divided(splits[TRAIN], dataset)
    pictures = [
        (picture, labels.index(label))
        for label, pictures in splits[split].items()
        for picture in pictures
    ]
    return sorted(pictures, key=lambda row: _position(row[0], dataset.seed))


def provenance(dataset: Dataset) -> dict[str, Any]:
    """Which pictures a folder holds: how many, and a hash over names and sizes."""
    root = Path(dataset.folder)
    pictures = sorted(row for split in (TRAIN, TEST) for row in rows(dataset, split))
    lines = [
        f"{picture} {(root / picture).stat().st_size}\n" for picture, _ in pictures
    ]
    return {
        "name": dataset.name,
        "version": "",
        "description": f"{len(pictures)} pictures of {dataset.classes} classes in the "
        f"folder {root.name!r}.",
        "files": len(pictures),
        "sha256": hashlib.sha256("".join(lines).encode()).hexdigest(),
    }


def _divided(classes: dict[str, list[str]], dataset: Dataset) -> dict[str, dict]:
    """Training and test pictures of each class, one of either at least."""
    splits = {TRAIN: {}, TEST: {}}
    for label, pictures in classes.items():
        if len(pictures) < 2:
            raise DynresError(
                "A class has two pictures at least, one to train on and one to test "
                f"with. Received: {pictures[0]!r} alone in {dataset.folder!r}"
            )
        positions = {name: _position(name, dataset.seed) for name in pictures}
        order = sorted(pictures, key=positions.get)
        count = sum(position < dataset.held_out for position in positions.values())
        count = min(max(count, 1), len(order) - 1)
        splits[TEST][label], splits[TRAIN][label] = order[:count], order[count:]
    return splits


def _position(picture: str, seed: int) -> float:
    """Where a picture stands in a random order, in [0, 1), whatever else is there."""
    digest = hashlib.sha256(f"{seed}/{picture}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _splits(root: Path) -> dict[str, dict[str, list[str]]]:
    """The pictures of each class of each split; of a folder without splits, all."""
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise DynresError(f"The folder of pictures {what}. Received: {str(root)!r}")
    inside = [place.name for place in _folders(root)]
    test = next((name for name in _TESTS if name in inside), None)
    if TRAIN not in inside or test is None:
        return {TRAIN: _classes(root, root)}
    splits = {TRAIN: _classes(root, root / TRAIN), TEST: _classes(root, root / test)}
    for label in splits[TEST]:
        one_of(f"class in {str(root / test)!r}", label, splits[TRAIN])
    if not splits[TEST]:
        raise DynresError(f"There are no pictures to test. Received: {root / test}")
    return splits


def _classes(root: Path, place: Path) -> dict[str, list[str]]:
    loose = [path for path in _visible(place) if _is_picture(path)]
    if loose:
        raise DynresError(
            "Pictures lie in a folder that bears their class's name. Received: "
            f"{str(loose[0])!r}, in none"
        )
    return {path.name: _pictures(root, path) for path in _folders(place)}


def _pictures(root: Path, place: Path) -> list[str]:
    pictures = [path for path in _visible(place) if _is_picture(path)]
    inner = next(_folders(place), None)
    if inner is not None or not pictures:
        raise DynresError(
            "A class's pictures lie in its folder, and no folders there. Received: "
            + (
                f"the folder {str(inner)!r}"
                if inner
                else f"no picture in {str(place)!r}"
            )
        )
    return [path.relative_to(root).as_posix() for path in pictures]


def _is_picture(path: Path) -> bool:
    ending = path.suffix.lower()
    if ending in _UNREAD and path.is_file():
        raise DynresError(
            f"Pictures are read from files ending in {', '.join(ENDINGS)}: convert the "
            f"others. Received: {str(path)!r}"
        )
    return ending in ENDINGS and path.is_file()


def _folders(place: Path) -> Iterator[Path]:
    """Those within that are not empty."""
    return (p for p in _visible(place) if p.is_dir() and next(_visible(p), None))


def _visible(place: Path) -> Iterator[Path]:
    return (path for path in sorted(place.iterdir()) if not path.name.startswith("."))
