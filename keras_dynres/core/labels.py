"""Which labels an output is measured by."""

from typing import Any


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
