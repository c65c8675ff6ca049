"""What counting gives: numbers per layer call, their totals, a table, CSV."""

import csv
import dataclasses
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from keras_dynres import files, text

# Of one image: without the batch axis.
Shape = tuple[int, ...]
Shapes = Sequence[Shape]
# (layer, shapes of its inputs, shapes of its outputs) to a `Work`, or (macs, flops).
Rule = Callable[[Any, Shapes, Shapes], tuple[int, ...]]


class Work(NamedTuple):
    """What one call of a layer does for one image; a rule returns it.

    Attributes:
        macs: Multiply-accumulates, of convolutions and dense layers only.
        flops: All operations, a multiply-accumulate being two.
        elements: Elements that an activation writes or pooling reads.
    """

    macs: int = 0
    flops: int = 0
    elements: int = 0

    def plus(self, *others: "Work") -> "Work":
        """The sum of this and other work."""
        return Work(*(sum(column) for column in zip(self, *others, strict=True)))


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """One call of a layer or operation in a graph, and what it costs."""

    name: str
    kind: str
    output_shape: tuple
    macs: int
    flops: int
    params: int
    elements: int = 0


@dataclasses.dataclass(frozen=True, repr=False)
class Cost:
    """The cost of a graph per image; prints as an aligned table.

    Attributes:
        name: The model's name.
        layers: A `LayerCost` for each call, in execution order. The parameters of a
            layer that is called twice stand at its first call.
    """

    name: str
    layers: tuple

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and dense layers."""
        return sum(layer.macs for layer in self.layers)

    @property
    def flops(self) -> int:
        """All operations, additions and multiplications counted apart."""
        return sum(layer.flops for layer in self.layers)

    @property
    def params(self) -> int:
        """Numbers that are learned; batch norm's running statistics are not."""
        return sum(layer.params for layer in self.layers)

    @property
    def elements(self) -> int:
        """Elements that activations write and pooling reads."""
        return sum(layer.elements for layer in self.layers)

    @property
    def macs_elementwise(self) -> int:
        """MACs plus activation and pooling elements, as MSDNet's figures count."""
        return self.macs + self.elements

    def to_csv(self, path: str | Path | None = None) -> str:
        """The table as CSV text, written to `path` (whole or not at all) if given."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        fields = [field.name for field in dataclasses.fields(LayerCost)]
        writer.writerow(fields)
        for layer in self.layers:
            row = {**vars(layer), "output_shape": _shape(layer.output_shape)}
            writer.writerow([row[field] for field in fields])
        if path is not None:
            files.write(path, table.getvalue())
        return table.getvalue()

    def __str__(self) -> str:
        head = ["layer", "kind", "output", "MACs", "FLOPs", "parameters"]
        rows = [
            [
                layer.name,
                layer.kind,
                _shape(layer.output_shape),
                *(f"{n:,}" for n in (layer.macs, layer.flops, layer.params)),
            ]
            for layer in self.layers
        ]
        total = [f"total of {self.name}", "", ""]
        total += [f"{n:,}" for n in (self.macs, self.flops, self.params)]
        return (
            f"{text.grid(head, [*rows, total])}\n"
            "MACs with the elements of activations and pooling: "
            f"{self.macs_elementwise:,}"
        )

    def __repr__(self) -> str:
        return (
            f"Cost({self.name!r}: {self.macs:,} MACs, {self.flops:,} FLOPs, "
            f"{self.params:,} parameters, {len(self.layers)} calls)"
        )


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape))
