"""Which instances TFLite runs as they are, which on some runtimes, and which not."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres import graph
from keras_dynres.errors import DynresError
from keras_dynres.tflite.precision import Precision

# The second input of a signature whose shapes depend on the image.
SHIFT = "shift"


def dynamic_names(graphs: Mapping[str, keras.Model]) -> list[str]:
    """The graphs in which shapes depend on the image: dimensions are not known."""
    return [
        name
        for name, model in graphs.items()
        if any(None in t.shape[1:] for c in graph.calls(model) for t in c.outputs)
    ]


def without_dynamic(
    graphs: Mapping[str, keras.Model],
) -> tuple[dict[str, keras.Model], list[str]]:
    """The graphs whose shapes are known, and a sentence on those left out."""
    names = dynamic_names(graphs)
    kept = {name: model for name, model in graphs.items() if name not in names}
    if not kept:
        raise DynresError(
            "There is nothing to export but instances that compute as many points as "
            "an image needs, for which the runtime must know dynamic shapes: "
            f"dynamic=True exports them. Received: instances={names}"
        )
    notes = [
        f"Left out {', '.join(names)}: computes as many points as an image needs, and "
        "needs a runtime with dynamic shapes (dynamic=True exports it)."
    ]
    return kept, notes if names else []


def check(graphs: Mapping[str, keras.Model], precision: Precision) -> None:
    """Refuses graphs that give other outputs at each call, or that integers break."""
    fresh = _with_layers(graphs, "random")
    if fresh:
        raise DynresError(
            "An instance that draws fresh noise gives other outputs at each call, so "
            "no file can be checked: give the model noise='white' or 'blue'. "
            f"Received: instances={fresh}"
        )
    fractional = _with_layers(graphs, "divides") if precision.snapped else []
    if fractional:
        raise DynresError(
            "Interpolation weighs samples by numbers from 1 down to 1e-5 and divides "
            "by their sums, which 8 bits do not hold: give the model "
            'interpolation="zeros", or export "float16" or "float32". '
            f'Received: precision="{precision.name}", instances={fractional}'
        )

    pixels = _with_layers(graphs, "in_pixels") if precision.integer else []
    if pixels:
        raise DynresError(
            "Edges of boxes are counted in pixels, which 8 bits do not hold: export "
            '"float32", "float16" or "int8-weights". '
            f'Received: precision="{precision.name}", instances={pixels}'
        )


def chooses(model: keras.Model) -> bool:
    """Whether a graph chooses points or boxes by their scores.

    Where two scores are all but equal, rounding decides, and outputs jump.
    """
    return bool(_with_layers({"": model}, "by_scores"))


def shiftable(model: keras.Model) -> keras.Model:
    """The graph with a second input, a number that is added before thresholds.

    Args:
        model: A graph whose layers `by_threshold` choose points by their scores.

    Returns:
        A functional model of `[images, shift]`: at 0 it computes what the graph does,
        the larger the shift, the more points.
    """
    shift = keras.Input(batch_shape=(), dtype="float32", name=SHIFT)
    edits = {
        call.name: _shifted(shift)
        for call in graph.calls(model)
        if getattr(call.layer, "by_threshold", False)
    }
    return graph.rewire(model, edits, more_inputs=[shift])


def more_inputs(
    metadata: Mapping[str, Any], name: str, shift: float = 0.0
) -> dict[str, np.ndarray]:
    """What a signature of a bundle takes beside the images.

    Args:
        metadata: The bundle's.
        name: The instance's name.
        shift: What is added to scores; other instances take none.
    """
    dynamic = metadata.get("dynamic", [])
    if name in dynamic:
        return {SHIFT: np.float32(shift)}
    if shift:
        raise DynresError(
            f"{name!r} computes as many points whatever their scores: a shift is for "
            f"{', '.join(dynamic) or 'none'} of this bundle. Received: shift={shift!r}"
        )
    return {}


def _shifted(shift: keras.KerasTensor) -> graph.Edit:
    return lambda call, scores, *args, **kwargs: call(scores + shift, *args, **kwargs)


def _with_layers(graphs: Mapping[str, keras.Model], attribute: str) -> Sequence[Any]:
    """The graphs with a layer of which an attribute is true."""
    return [
        name
        for name, model in graphs.items()
        if any(
            getattr(call.layer, attribute, None) is True for call in graph.calls(model)
        )
    ]
