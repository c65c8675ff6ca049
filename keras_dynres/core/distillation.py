"""Distilling the last exit into those before it."""

from keras import ops


def divergence(outputs, weights, temperature, from_logits):
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
    logits = [ops.cast(each, "float32") for each in outputs]
    if not from_logits:
        logits = [ops.log(each + 1e-7) for each in logits]
    *earlier, last = [each / temperature for each in logits]
    softened = ops.stop_gradient(ops.softmax(last))
    total = 0.0
    for each, weight in zip(earlier, weights, strict=False):
        gap = ops.log(softened + 1e-7) - ops.log_softmax(each)
        total = total + weight * ops.mean(ops.sum(softened * gap, axis=-1))
    return total * temperature**2
