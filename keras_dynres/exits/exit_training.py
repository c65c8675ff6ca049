"""What the training of several exits at once counts and measures."""

import keras

from keras_dynres.errors import DynresError
from keras_dynres.exits import budget_distribution


def weights(asked, costs):
    """What each exit's loss counts; see `ExitModel`'s `exit_weights`."""
    count = len(costs)
    if isinstance(asked, str):
        if asked == "uniform":
            return (1.0,) * count
        return tuple(count * float(p) for p in budget_distribution(asked, costs))
    given = tuple(float(weight) for weight in asked)
    if len(given) != count or min(given) < 0 or not sum(given):
        raise DynresError(
            f"exit_weights holds a number from 0 for each of the {count} exits. "
            f"Received: exit_weights={asked}."
        )
    return given


def metrics_each(metrics, count):
    """A list of the metrics for each exit, each metric an object of its own."""
    if not metrics:
        return metrics
    flat = keras.tree.flatten(metrics)
    return [[m if isinstance(m, str) else _copy(m) for m in flat] for _ in range(count)]


def _copy(metric):
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
