"""What the zoo knows of a network before anything of it is built."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from keras_dynres import data
from keras_dynres.data.labels import labels


@dataclasses.dataclass(frozen=True)
class Entry:
    """A network of the zoo: all that is needed to build it and to use it.

    Args:
        name: What `zoo.load` takes.
        architecture: Name in `keras_dynres.architectures`.
        architecture_kwargs: What the architecture's function takes.
        method: Name in `keras_dynres.methods`.
        method_kwargs: What the method takes beside the base.
        dataset: Name in `keras_dynres.data`.
        preprocessing: `scale`, `mean` and `std`: the network is given
            `(image / scale - mean) / std`.
        recipe: The recipe that trains it.
        licence: The weights' licence (SPDX).
        reference: The paper.
        paper: What the paper reports: errors in percent, mean average precision and
            mean IoU as shares, GFLOPs or giga-MACs, of the backbone alone where the
            key says so.
        checkpoint: File name of a published checkpoint that `zoo.import_checkpoint`
            reads; empty where there is none.
    """

    name: str
    architecture: str
    architecture_kwargs: Mapping
    method: str
    method_kwargs: Mapping
    dataset: str
    preprocessing: Mapping
    recipe: str
    licence: str
    reference: str
    paper: Mapping
    checkpoint: str = ""

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.architecture_kwargs["classes"]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return tuple(self.architecture_kwargs["input_shape"])

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the logits; empty where they are not known."""
        return labels(self.dataset)


def entry(
    name: str,
    dataset: str,
    architecture: str,
    kwargs: Mapping,
    method: str,
    reference: str,
    size: Sequence[int] = (),
    **fields: Any,
) -> Entry:
    """An `Entry`; all that follows from its name or its data set need not be said.

    Args:
        name: The entry's name; its recipe has the same.
        dataset: Name in `keras_dynres.data`.
        architecture: Name in `keras_dynres.architectures`.
        kwargs: What the architecture takes beside `classes` and `input_shape`.
        method: Name in `keras_dynres.methods`.
        reference: The paper.
        size: Height and width of the images; by default the data set's.
        **fields: Other fields of `Entry`, such as `method_kwargs`.
    """
    images = data.info(dataset)
    shape = {"input_shape": (*(size or images.shape), 3), "classes": images.classes}
    return Entry(
        name=name,
        architecture=architecture,
        architecture_kwargs={**kwargs, **shape},
        method=method,
        dataset=dataset,
        preprocessing=images.preprocessing,
        reference=reference,
        **{
            "method_kwargs": {},
            "recipe": name,
            "licence": "Apache-2.0",
            "paper": {},
            **fields,
        },
    )
