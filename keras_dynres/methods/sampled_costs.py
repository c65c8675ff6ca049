"""What a sampled network costs: by image, and as the published code counts."""

from typing import Any

import keras
import numpy as np

from keras_dynres import graph
from keras_dynres.core.batches import images_of
from keras_dynres.core.traces import one_trace_each
from keras_dynres.layers import SamplingMask


def masks_over(
    model: keras.Model, data: Any, batches: int | None = None
) -> dict[str, np.ndarray]:
    """Which points each mask of a graph samples, over images.

    Args:
        model: The graph of `model.at(name, training=True)`.
        data: Images, as `calibrate` takes them.
        batches: How many batches to use, by default all.
    """
    calls = [c for c in graph.calls(model) if isinstance(c.layer, SamplingMask)]
    if not calls:
        return {}
    probe = keras.Model(model.input, [call.outputs[0] for call in calls])
    parts = []
    for images in images_of(data, limit_batches=batches):
        with one_trace_each():
            masks = keras.tree.flatten(probe.predict_on_batch(images))
        parts.append([np.asarray(mask)[..., 0] > 0 for mask in masks])
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return {call.name: masks for call, masks in zip(calls, columns, strict=True)}


def record_average(model: keras.Model, data: Any, title: str = "evaluation") -> None:
    """Keeps on the menu what `sampled` cost, on average over images.

    Args:
        model: The `Sampled` model.
        data: Images, as `calibrate` takes them.
        title: Which images they are.
    """
    densities = model.densities(data)
    if not densities:  # All blocks are computed whole.
        return
    whole = model.menu["sampled"]
    images = len(next(iter(densities.values())))
    saved = {"macs": np.zeros(images), "flops": np.zeros(images)}
    prices = point_work(model)
    for name, density in densities.items():
        work = prices[name]
        left = (1 - density) * work["points"]
        for key in saved:
            saved[key] += left * work[key]
    averages = {}
    for key in saved:
        costs = getattr(whole, key) - saved[key]
        averages[key] = costs.mean()
        averages[f"{key}_spread"] = costs.std()
    model.menu.record_average("sampled", images, title, **averages)


def point_work(model: keras.Model) -> dict[str, dict[str, float]]:
    """What one point of each mask costs: `macs`, `flops`, and how many `points`."""
    counted = {layer.name: layer for layer in model.whole_cost().layers}
    work = {}
    for part in model.sampled_parts:
        for number, mask in enumerate(part.masks):
            row = {"macs": 0.0, "flops": 0.0, "points": mask.points}
            for name in part.row_layers(number):
                layer = counted[name]
                row["macs"] += layer.macs / layer.output_shape[1]
                row["flops"] += layer.flops / layer.output_shape[1]
            work[mask.name] = row
    return work


def published_macs(model: keras.Model, densities: float | dict[str, float]) -> float:
    """MACs as the published code counts them, where masks have these densities.

    Mask heads once, the sampled convolutions times the density d of their mask, and
    for interpolation the whole window, `d (1 - d)` times, of each channel and point.

    Args:
        model: The `Sampled` model.
        densities: One for all masks, or one for each by its name.
    """
    total = float(model.menu.full.macs)
    work = point_work(model)
    for part in model.sampled_parts:
        for number, mask in enumerate(part.masks):
            density = densities if np.isscalar(densities) else densities[mask.name]
            channels = part.convs_of(number)[-1].layer.filters
            window = (
                part.fills[number].window ** 2 if part.fills[number].averages else 0
            )
            total += mask.points * (
                9 * part.block.entering[-1] * bool(part.heads)
                - (1 - density) * work[mask.name]["macs"]
                + window * density * (1 - density) * channels
            )
    return total
