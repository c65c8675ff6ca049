"""Figures and tables as people read them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

COUNTS = ("macs", "flops", "params")
STYLES = ("plain", "markdown")
UNKNOWN = "–"
_UNITS = (("G", 1e9), ("M", 1e6), ("k", 1e3))
# What a figure's name ends in when it lies between 0 and 1 and more is better.
_SHARES = ("accuracy", "iou", "io_u", "map", "precision", "recall", "f1_score", "auc")
_AXES = {
    "macs": "Multiply-accumulates per image",
    "flops": "FLOPs per image",
    "params": "Parameters",
    "latency_ms": "Latency per image (ms)",
    "accuracy": "Top-1 accuracy (%)",
    "error": "Top-1 error (%)",
    "top5_accuracy": "Top-5 accuracy (%)",
}
_HEADS = {
    "macs": "MACs",
    "flops": "FLOPs",
    "params": "Parameters",
    "latency_ms": "Latency",
    "latency_iqr_ms": "Spread (IQR)",
    "accuracy": "Accuracy",
    "top5_accuracy": "Top-5",
    "loss": "Loss",
    "mean_io_u": "Mean IoU",
    "map": "mAP",
}


# What instances' settings are called in the papers, and what they mean.
_SETTINGS = {
    "ratio": "pooled to VALUE",
    "size": "images of VALUE pixels a side",
    "input": "images scaled to VALUE",
    "exit": "leaves at exit VALUE",
    "density": "VALUE of the points",
}


def is_share(key: str) -> bool:
    """Whether a figure is a share, written in percent: told by its name alone.

    >>> is_share("mean_iou"), is_share("predicted_accuracy"), is_share("loss")
    (True, True, False)
    """
    return any(key == word or key.endswith(f"_{word}") for word in _SHARES)


def is_accuracy(key: str) -> bool:
    """Whether a figure is a share of right answers; the rest is its error.

    >>> is_accuracy("top5_accuracy"), is_accuracy("mean_iou")
    (True, False)
    """
    return key.endswith("accuracy")


def amount(value: float, digits: int | None = None) -> str:
    """A count with its unit prefix.

    >>> amount(8_218_000_000), amount(36_500_000), amount(900)
    ('8.22 G', '36.5 M', '900')
    >>> amount(36_500_000, digits=2), amount(2.5, digits=2)
    ('36.50 M', '2.5')

    Args:
        value: The count.
        digits: Digits behind the point where there is a prefix, so that a column is
            of one precision; by default a figure has about three digits in all.
    """
    # What would be rounded up to 1000 takes the next prefix.
    reached = 1 - 0.5 * 10 ** -(3 + (digits or 0))
    for unit, size in _UNITS:
        if abs(value) >= reached * size:
            part = value / size
            return f"{_three(part) if digits is None else f'{part:.{digits}f}'} {unit}"
    return _three(value) if digits is None else f"{value:.4g}"


def percent(share: float, stderr: float | None = None) -> str:
    """A share in percent, with its standard error where it has one.

    >>> percent(0.925), percent(0.925, 0.00263)
    ('92.50 %', '92.50 % ± 0.26')
    """
    return f"{100 * share:.2f} %" + _margin(stderr)


def error(accuracy: float, stderr: float | None = None) -> str:
    """An accuracy as an error in percent, for a column that is headed so.

    >>> error(0.925), error(0.925, 0.00263)
    ('7.50', '7.50 ± 0.26')
    """
    return f"{100 * (1 - accuracy):.2f}" + _margin(stderr)


def cost(value: float | None, key: str, digits: int | None = None) -> str:
    """A cost in the unit of its kind; a dash where it is not known."""
    if value is None or value != value:
        return UNKNOWN
    return f"{value:.3g} ms" if key.endswith("_ms") else amount(value, digits)


def figure(value: float | str | None, key: str, digits: int | None = None) -> str:
    """Any figure of an instance, written as its name asks for.

    >>> figure(12_500_000, "macs"), figure(0.9, "mean_iou"), figure(0.25, "loss")
    ('12.5 M', '90.00 %', '0.25')

    Args:
        value: The figure; a dash where it is None or NaN.
        key: Its name.
        digits: As of `amount`.
    """
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return UNKNOWN
    if key in COUNTS or key.endswith("_ms"):
        return cost(value, key, digits)
    return percent(value) if is_share(key) else f"{value:.4g}"


def tick(value: float, key: str, most: float) -> str:
    """An axis' number, in the unit that suits the axis' end.

    >>> tick(500_000, "macs", 3_000_000)
    '0.5 M'
    """
    if key in COUNTS:
        for unit, size in _UNITS:
            if most >= size:
                return f"{value / size:g} {unit}" if value else "0"
    return f"{value:g}"


def axis(key: str) -> str:
    """An axis' title."""
    named = f"{head(key)} (%)" if is_share(key) else key.replace("_", " ")
    return _AXES.get(key, named)


def head(key: str) -> str:
    """A column's title."""
    words = key.replace("_", " ").capitalize().replace(" iou", " IoU")
    return _HEADS.get(key, words)


def settings(values: Mapping[str, Any]) -> str:
    """What an instance's settings mean, in words: told by their names alone.

    >>> settings({"point": "stage1_block2_add", "ratio": 0.5})
    'pooled to 0.5 after stage 1, block 2'
    >>> settings({"stage1": 1.0, "stage2": 0.65}), settings({"density": 0.25})
    ('stages at 1, 0.65', 'a quarter of the points')

    Args:
        values: Settings by name, as of `Instance`.
    """
    words, stages, where = [], [], ""
    for key, value in values.items():
        if key == "point":
            where = f" after {_place(str(value))}"
        elif re.fullmatch(r"stage\d+", key):
            stages.append(value)
        elif value is not None:
            phrase = _SETTINGS.get(key, f"{key.replace('_', ' ')} VALUE")
            shown = _part(value) if key == "density" else _plain(value)
            words.append(phrase.replace("VALUE", shown))
    if stages:
        words.append(f"stages at {_plain(stages)}")
    return (", ".join(words) + where).strip()


def grid(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    style: str = "plain",
    left: int = 1,
    total: Sequence[str] | None = None,
) -> str:
    """Rows of strings as an aligned table.

    >>> print(grid(["name", "MACs"], [["full", "9"], ["half", "10"]]))
    name  MACs
    ----  ----
    full     9
    half    10

    Args:
        header: The columns' titles.
        rows: As many strings a row.
        style: `"plain"` or `"markdown"`.
        left: How many columns, from the first, are aligned on the left; numbers are on
            the right.
        total: A last row, which a plain table rules off.
    """
    lines = [list(header), *map(list, rows)] + ([list(total)] if total else [])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    rule = ["-" * width for width in widths]
    if style == "markdown":
        # The colon is what Markdown aligns a column on the right by.
        rule = rule[:left] + [dashes[:-1] + ":" for dashes in rule[left:]]
        padded.insert(1, rule)
        return "\n".join(f"| {' | '.join(line)} |" for line in padded)
    padded.insert(1, rule)
    if total:
        padded.insert(-1, rule)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def _place(layer):
    """Where in a network a layer stands: the numbered parts of its name."""
    numbered = re.findall(r"((?:[A-Za-z]+_)*[A-Za-z]+)_?(\d+)", layer)
    words = (f"{word.replace('_', ' ')} {number}" for word, number in numbered)
    return ", ".join(words) or layer


def _part(value):
    words = {0.1: "a tenth", 0.25: "a quarter", 0.5: "half", 0.75: "three quarters"}
    is_share = isinstance(value, float) and 0 < value < 1
    return words.get(value, f"{100 * value:g} %") if is_share else _plain(value)


def _plain(value):
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _three(value):
    """About three digits, and never fewer than the whole ones."""
    if value == int(value) and abs(value) < 1000:
        return str(int(value))
    return f"{value:.{max(0, 3 - len(str(int(abs(value)))))}f}"


def _margin(stderr):
    return "" if stderr is None else f" ± {100 * stderr:.2f}"
