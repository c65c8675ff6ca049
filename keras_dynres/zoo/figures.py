"""Figures of instances as the zoo's pages and the command show them."""

from keras_dynres import text


def head(key: str) -> str:
    """What stands over a column of figures.

    >>> head("accuracy"), head("top5_accuracy"), head("mean_iou")
    ('error %', 'Top-5 error %', 'Mean IoU')
    """
    if not text.is_accuracy(key):
        return text.head(key)
    return "error %" if key == "accuracy" else f"{text.head(key)} error %"


def cell(key: str, value: float | None) -> str:
    """A figure as it stands in a column; a dash where it is not known.

    >>> cell("accuracy", 0.9), cell("mean_iou", 0.5), cell("macs", 8.2e9)
    ('10.00', '50.00 %', '8.20 G')
    """
    if text.is_accuracy(key) and value is not None and value == value:
        return text.error(value)
    return text.figure(value, key, digits=2)


def size(count: int) -> str:
    """A number of bytes: `"1.39 MB"`."""
    return f"{text.amount(count)}B"
