"""Which labels an output is measured by, and what kind they are."""

from typing import Any

from keras import ops


def of_outputs(labels: Any, outputs: Any) -> Any:
    """Labels without names are those of each output that has a name.

    A network with an auxiliary head learns one map twice; a detector's outputs are all
    measured by the same boxes.

    >>> of_outputs("map", {"map": 1, "early": 2})
    {'map': 'map', 'early': 'map'}
    >>> of_outputs({"row": "a", "map": "b"}, {"row": 1, "map": 2})
    {'row': 'a', 'map': 'b'}

    Args:
        labels: What the data give.
        outputs: What the network gives.
    """
    if not isinstance(outputs, dict) or isinstance(labels, dict):
        return labels
    return dict.fromkeys(outputs, labels)


def are_shares(labels: Any, outputs: Any) -> bool:
    """Whether labels are rows of the classes' shares, as of mixed images.

    >>> are_shares(ops.zeros((8, 10)), ops.zeros((8, 10)))
    True
    >>> are_shares(ops.zeros((8, 1)), ops.zeros((8, 10)))
    False
    """
    return len(labels.shape) == 2 and 1 < labels.shape[-1] == outputs.shape[-1]


def classes_of(labels: Any, outputs: Any) -> Any:
    """Labels as integers: of shares, the class that has most.

    >>> int(classes_of(ops.array([[0.3, 0.7]]), ops.zeros((1, 2)))[0])
    1
    """
    return ops.argmax(labels, axis=-1) if are_shares(labels, outputs) else labels
