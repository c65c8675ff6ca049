"""Distilling the last of several outputs into those before it."""

from collections.abc import Sequence
from typing import Any

from keras import ops


def divergence(
    outputs: Sequence, weights: Sequence[float], temperature: float, from_logits: bool
) -> Any:
    """Of the earlier exits' softened predictions from the last one's.

    Args:
        outputs: What the exits say, the last one last.
        weights: What each exit counts.
        temperature: Divides the logits.
        from_logits: Whether the outputs are logits.

    Returns:
        The weighted sum of the mean Kullback-Leibler divergences, times the square of
        the temperature: the gradients of softened predictions shrink with it. None
        flows into the last exit.
    """
    logits = [ops.cast(output, "float32") for output in outputs]
    if not from_logits:
        logits = [ops.log(shares + 1e-7) for shares in logits]
    *earlier, last = [scores / temperature for scores in logits]
    softened = ops.stop_gradient(ops.softmax(last))
    total = 0.0
    for scores, weight in zip(earlier, weights, strict=False):
        gap = ops.log(softened + 1e-7) - ops.log_softmax(scores)
        total = total + weight * ops.mean(ops.sum(softened * gap, axis=-1))
    return total * temperature**2
