"""Stages in a bundle: signatures that hand features on until the caller stops."""

import dataclasses
import itertools
import re

from keras_dynres import cost
from keras_dynres.exits.model import names_of, stages_of


@dataclasses.dataclass(frozen=True)
class StageRow:
    """What a bundle says of one stage.

    Args:
        name: `"stage1"` and so on.
        signature: Its signature.
        takes: Names of its inputs; those of the first are `("images",)`.
        makes: Names of its outputs beside `outputs`, the prediction.
        keeps: Names of the features that later stages still need.
        exit: Name of the exit whose prediction it gives.
        macs: Its own multiply-accumulates, those of earlier stages left out.
    """

    name: str
    signature: str
    takes: tuple
    makes: tuple
    keeps: tuple
    exit: str
    macs: int

    @classmethod
    def of(cls, fields):
        """The row as the metadata hold it."""
        listed = {key: tuple(fields[key]) for key in ("takes", "makes", "keeps")}
        return cls(**{**fields, **listed})


def rows(model):
    """A `StageRow` for each of a model's stages."""
    stages = stages_of(model)
    names = _names(stages)
    return [
        StageRow(
            stage.name,
            stage.name,
            *(
                tuple(names[n] for n in f)
                for f in (stage.takes, stage.makes, stage.keeps)
            ),
            exit=exit,
            macs=cost.count(stage.model).macs,
        )
        for stage, exit in zip(stages, names_of(model), strict=True)
    ]


def run(rows, signatures, images):
    """Yields (row, prediction) stage by stage; nothing runs before it is asked for.

    Args:
        rows: `StageRow`s.
        signatures: Maps each row's signature to a function that takes the named
            features and returns a dict of the prediction and the features made.
        images: A batch of one image.
    """
    known = {"images": images}
    for row in rows:
        made = signatures[row.signature](**{name: known[name] for name in row.takes})
        known.update(made)
        yield row, made["outputs"]
        known = {name: known[name] for name in row.keeps}


class Chain:
    """The stages of a bundle, loaded when they are first run.

    All at once, in one file: apart, each would hold the whole file's bytes, and
    together they take the memory and the load time of the whole network.

    Args:
        rows: `StageRow`s.
        load: A function from a list of signatures to a dict of what runs them.
    """

    def __init__(self, rows, load):
        self.rows = rows
        self._load = load
        self._loaded = {}

    @property
    def exits(self):
        """Names of the exits the stages end in."""
        return [row.exit for row in self.rows]

    @property
    def costs(self):
        """Multiply-accumulates of an image that stops after each stage."""
        return list(itertools.accumulate(row.macs for row in self.rows))

    def run(self, image):
        """Yields the outputs of a batch of one image after each stage."""
        if not self._loaded:
            self._loaded = self._load([row.signature for row in self.rows])
        for _, outputs in run(self.rows, self._loaded, image):
            yield outputs[0]

    def close(self):
        """Frees what the stages hold."""
        self._loaded = {}


def _names(stages):
    """Features' names as a signature can have them: from a letter on, none twice."""
    names, taken = {}, {"images", "outputs"}
    for stage in stages:
        for feature in stage.makes:
            name = re.sub(r"\W", "_", feature, flags=re.ASCII)
            name = name if name[0].isalpha() else f"feature_{name}"
            while name in taken:
                name += "_"
            taken.add(name)
            names[feature] = name
    # What the first stage takes is the image, whatever the graph calls it.
    return {**names, stages[0].takes[0]: "images"} if stages else {}
