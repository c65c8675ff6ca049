"""What training got for its time: accuracy over seconds, and how fast it grows."""

import csv
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from keras_dynres import text
from keras_dynres.errors import DynresError
from keras_dynres.evaluation import plots

SECONDS = "seconds"


class Course(NamedTuple):
    """A training as it went: where its figure was measured, after how many seconds."""

    epochs: list[int]
    seconds: list[float]
    values: list[float]

    def velocity(self, window: int) -> tuple[list[int], list[float]]:
        """By how much the figure grows a second, as a moving mean.

        >>> course = Course([1, 2, 3], [10, 20, 40], [0.25, 0.5, 0.75])
        >>> course.velocity(1), course.velocity(2)
        (([2, 3], [0.025, 0.0125]), ([3], [0.016666666666666666]))

        Args:
            window: Over how many measurements.

        Returns:
            Epochs, and how fast the figure grew up to each.
        """
        growth = [
            (self.values[i] - self.values[i - window])
            / (self.seconds[i] - self.seconds[i - window])
            for i in range(window, len(self.values))
        ]
        return self.epochs[window:], growth


def time_plot(
    trainings: Mapping[str, Any],
    path: str | Path | None = None,
    metric: str = "val_accuracy",
    window: int = 3,
    title: str | None = None,
) -> Any:
    """Draws trainings over the time they took, and how fast each gets better.

    They are figures 3 and 4 of the low-mode paper. The velocity of an epoch is what the
    metric grew by over the last epochs, divided by the seconds they took.

    Args:
        trainings: By label: the `log.csv` of a run, or its columns as a dict of lists
            with `seconds` of each epoch and the metric, such as a `History.history`.
            Epochs in which the metric was not measured count as time alone.
        path: A .png, .svg or .pdf file to write; it appears whole or not at all.
        metric: What is drawn, and grows.
        window: Over how many measurements the velocity is a mean.
        title: The figure's title.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    kd.evaluation.time_plot(
        {"plain": "runs/plain/log.csv", "low-mode": "runs/low_mode/log.csv"},
        "time.svg",
    )
    ```
    """
    if path is not None:
        plots.check_format(path)
    if window < 1 or not trainings:
        raise DynresError(
            "A training and a window of one measurement are the least. "
            f"Received: trainings={list(trainings)}, window={window!r}"
        )
    courses = {label: course(log, metric) for label, log in trainings.items()}
    figure, (left, right) = plots.canvas(9.6, 4.2, panels=2)
    unit = 100 if text.is_share(metric) else 1
    for (label, one), (color, marker) in zip(
        courses.items(), itertools.cycle(plots.STYLES), strict=False
    ):
        style = {"color": color, "marker": marker, "markersize": 3.5, "label": label}
        left.plot(
            [seconds / 60 for seconds in one.seconds],
            [unit * value for value in one.values],
            **style,
        )
        epochs, growth = one.velocity(window)
        right.plot(epochs, [60 * unit * value for value in growth], **style)
    left.set(xlabel="Minutes of training", ylabel=text.axis(metric))
    right.set(xlabel="Epoch", ylabel=f"{text.head(metric)}: growth a minute")
    right.axhline(0, color="#999999", linewidth=0.9)
    for axes in (left, right):
        plots.dress(axes)
    left.legend(frameon=False)
    if title:
        figure.suptitle(title, fontsize=11)
    if path is not None:
        plots.save(figure, path)
    return figure


def course(log: Any, metric: str) -> Course:
    """How a training went, of its log or of its columns."""
    where = "columns" if isinstance(log, Mapping) else str(log)
    columns = log if isinstance(log, Mapping) else _columns(Path(log).expanduser())
    missing = [key for key in (SECONDS, metric) if key not in columns]
    if missing:
        raise DynresError(
            f"A training over time needs the columns {SECONDS!r} and {metric!r}. "
            f"Received: {where} without {missing[0]!r}"
        )
    if not all(seconds and seconds > 0 for seconds in columns[SECONDS]):
        raise DynresError(f"An epoch of {where} took no time, or none is known.")
    measured = Course([], [], [])
    spent = itertools.accumulate(columns[SECONDS])
    for epoch, (seconds, value) in enumerate(zip(spent, columns[metric], strict=False)):
        if value is not None and value == value:
            measured.epochs.append(epoch + 1)
            measured.seconds.append(seconds)
            measured.values.append(value)
    if not measured.values:
        raise DynresError(f"{metric!r} was never measured. Received: {where}")
    return measured


def _columns(path: Path) -> dict[str, Sequence[float | None]]:
    """The columns of a `log.csv`; None where a figure is missing."""
    try:
        with path.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        return {
            key: [float(row[key]) if row[key] else None for row in rows]
            for key in (rows[0] if rows else ())
        }
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise DynresError(
            f"A training's log could not be read: {str(path)!r}, {error}"
        ) from error
