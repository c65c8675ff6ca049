"""Stages in a bundle: signatures that hand features on until the caller stops."""

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_dynres import cost, exits
from keras_dynres.errors import DynresError
from keras_dynres.exits import Policy

# What every signature calls the images, and its prediction where there is one.
INPUT, OUTPUT = "images", "outputs"


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
    def of(cls, fields: Mapping[str, Any]) -> "StageRow":
        """The row as the metadata hold it."""
        listed = {key: tuple(fields[key]) for key in ("takes", "makes", "keeps")}
        return cls(**{**fields, **listed})


def rows(model: Any) -> list[StageRow]:
    """A `StageRow` for each of a model's stages."""
    stages, names = exits.stages_of(model), exits.names_of(model)
    ports = _ports(stages)
    return [
        StageRow(
            stage.name,
            stage.name,
            *(
                tuple(ports[feature] for feature in features)
                for features in (stage.takes, stage.makes, stage.keeps)
            ),
            exit=exit,
            macs=cost.count(stage.model).macs,
        )
        for stage, exit in zip(stages, names, strict=True)
    ]


def run(
    rows: Sequence[StageRow], signatures: Mapping[str, Callable], images: Any
) -> Iterator[tuple[StageRow, Any]]:
    """Yields (row, prediction) stage by stage; nothing runs before it is asked for.

    Args:
        rows: `StageRow`s.
        signatures: Maps each row's signature to a function that takes the named
            features and returns a dict of the prediction and the features made.
        images: A batch of one image.
    """
    known = {INPUT: images}
    for row in rows:
        made = signatures[row.signature](**{name: known[name] for name in row.takes})
        known.update(made)
        yield row, made[OUTPUT]
        known = {name: known[name] for name in row.keeps}


class Chain:
    """The stages of a bundle, loaded when they are first run.

    All at once, in one file: apart, each would hold the whole file's bytes, and
    together they take the memory and the load time of the whole network.

    Args:
        rows: `StageRow`s.
        load: A function from a list of signatures to a dict of what runs them.
    """

    def __init__(
        self, rows: Sequence[StageRow], load: Callable[[list[str]], dict[str, Callable]]
    ):
        self.rows = rows
        self._load = load
        self._loaded = {}

    @property
    def exits(self) -> list[str]:
        """Names of the exits the stages end in."""
        return [row.exit for row in self.rows]

    @property
    def costs(self) -> list[int]:
        """Multiply-accumulates of an image that stops after each stage."""
        return list(itertools.accumulate(row.macs for row in self.rows))

    def run(self, image: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the outputs of a batch of one image after each stage."""
        if not self._loaded:
            self._loaded = self._load([row.signature for row in self.rows])
        for _, outputs in run(self.rows, self._loaded, image):
            yield outputs[0]

    def close(self) -> None:
        """Frees what the stages hold."""
        self._loaded = {}


def port_names(names: Iterable[str], prefix: str, taken: Iterable[str]) -> list[str]:
    """Names as a signature can have them: from a letter on, none twice.

    >>> port_names(["2nd conv", "box", "outputs"], "feature", ["outputs"])
    ['feature_2nd_conv', 'box', 'outputs_']

    Args:
        names: What they are named after.
        prefix: What stands before one that begins with no letter.
        taken: Names they must not have.
    """
    taken, fit = set(taken), []
    for name in names:
        name = re.sub(r"\W", "_", str(name), flags=re.ASCII) or "_"
        name = name if name[0].isalpha() else f"{prefix}_{name}"
        while name in taken:
            name += "_"
        taken.add(name)
        fit.append(name)
    return fit


# === When to stop ===


def policies(metadata: Mapping[str, Any]) -> list[Policy]:
    """A bundle's own policies."""
    return [Policy.from_config(fields) for fields in metadata.get("policies", [])]


def find_policy(
    policy: Policy | str | Path | int, metadata: Mapping[str, Any], chain: Chain
) -> Policy:
    """The policy meant, which must be one of this bundle's model.

    Args:
        policy: A `Policy`, JSON text, a path, or a position in `policies`.
        metadata: The bundle's.
        chain: The bundle's stages.
    """
    if "output" not in metadata:
        raise DynresError(
            "A policy decides by the probabilities of one row of classes an image, "
            "and this bundle gives something else: stop by yourself, with anytime(). "
            f"Received: outputs={metadata['outputs']}."
        )
    if isinstance(policy, int):
        policy = _numbered(policy, policies(metadata))
    elif not isinstance(policy, Policy):
        policy = Policy.from_json(policy)
    policy.check(metadata["model"], chain.exits, chain.costs)
    return policy


def sureness(outputs: np.ndarray, metadata: Mapping[str, Any]) -> float:
    """The largest probability that one image's outputs give a class."""
    if metadata["output"]["activation"] == "probabilities":
        return outputs.max()
    return 1 / np.exp(outputs - outputs.max()).sum()


def _numbered(position: int, policies: Sequence[Policy]) -> Policy:
    if position not in range(len(policies)):
        raise DynresError(
            f"This bundle holds {len(policies)} policies, counted from 0. "
            f"Received: policy={position}."
        )
    return policies[position]


def _ports(stages: Sequence) -> dict[str, str]:
    """Features' names as signatures have them."""
    features = [feature for stage in stages for feature in stage.makes]
    names = port_names(features, "feature", [INPUT, OUTPUT])
    ports = dict(zip(features, names, strict=True))
    # What the first stage takes is the image, whatever the graph calls it.
    return {**ports, stages[0].takes[0]: INPUT} if stages else {}
