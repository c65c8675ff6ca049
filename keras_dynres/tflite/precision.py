"""The precisions a file can have, each said once."""

import dataclasses
import math

from keras_dynres import errors

_SAME_EVERYWHERE = "Weights that instances share are the same at every use."
_CONFUSED = (
    "XNNPACK's weight cache confuses int8 kernels that instances share at different "
    "scales, and silently returns wrong logits."
)


@dataclasses.dataclass(frozen=True)
class Precision:
    """How weights are stored and activations computed, and what follows from it.

    Args:
        name: What users type.
        tolerance: Largest difference from Keras that is let through, as a share of
            the largest logit where that exceeds 1.
        optimized: Whether the converter stores weights in fewer bytes.
        weights: The type it is told to store them in, where there is a choice.
        snapped: Whether kernels are put on their int8 grid before conversion, so
            that a batch norm that is folded into one leaves its integers alone.
        integer: Whether activations are integers too: their ranges are taken from
            calibration images, and averages are written as convolutions.
        unfolded: Whether a batch norm stays out of a kernel that graphs share and
            normalise differently.
        depthwise: Whether what is not folded is written as a depthwise convolution;
            where activations' ranges are found as it runs, that is slower.
        weight_cache: Whether XNNPACK's weight cache may be used with the file.
    """

    name: str
    tolerance: float = math.inf
    optimized: bool = True
    weights: str | None = None
    snapped: bool = False
    integer: bool = False
    unfolded: bool = True
    depthwise: bool = True
    weight_cache: bool = True

    @property
    def cache_reason(self) -> str:
        """Why the weight cache may be used, or must not."""
        return _SAME_EVERYWHERE if self.weight_cache else _CONFUSED


PRECISIONS = {
    precision.name: precision
    for precision in (
        Precision("float32", tolerance=1e-4, optimized=False),
        Precision("float16", tolerance=1e-2, weights="float16"),
        Precision("int8", snapped=True, integer=True, weight_cache=False),
        Precision("int8-weights", snapped=True, depthwise=False, weight_cache=False),
    )
}
"""The precisions that a file may have, by name."""


def precision_of(name: str | Precision) -> Precision:
    """The precision of a name.

    >>> precision_of("int8").integer
    True
    """
    if isinstance(name, Precision):
        return name
    return PRECISIONS[errors.one_of("precision", name, tuple(PRECISIONS))]
