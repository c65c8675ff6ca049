"""Pictures with what instances call them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_dynres.errors import DynresError
from keras_dynres.evaluation._pixels import bare, displayable, draw
from keras_dynres.evaluation.plots import check_format, save

# Signs, not colours alone: right and wrong must be told apart in print, too.
_SIGNS = {True: ("✓", "#2e6b1f"), False: ("✗", "#b3261e")}
_INK = "#1c2024"
# A picture's inches across, and the height of a line of text in such widths.
_WIDTH, _LINE = 2.3, 0.08


def answer_sheet(
    images: Any,
    answers: Mapping[str, Sequence[Sequence[tuple[str, float]]]],
    labels: Sequence[str] | None = None,
    path: str | Path | None = None,
    preprocessing: Mapping | None = None,
    across: int = 4,
    title: str | None = None,
) -> Any:
    """Draws images with each instance's answer below them, and how sure it is.

    Args:
        images: Images of one size, an array or a list.
        answers: For each instance by name, for each image, its answers and their
            probabilities, the surest first, as a card's `decode` returns them.
        labels: What each image shows: answers are then marked as right or wrong.
        path: A .png, .svg or .pdf file to write; it appears whole or not at all.
        preprocessing: As of `contact_sheet`: what the pipeline did to the pixels.
        across: Images in a row.
        title: The figure's title.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    x = card.preprocess(pixels)
    answers = {n: card.decode(model.at(n).predict(x)) for n in ("d0.1", "full")}
    kd.evaluation.answer_sheet(pixels, answers, labels, "answers.png")
    ```
    """
    if path is not None:
        check_format(path)
    counts = {"images": len(images)} | {k: len(v) for k, v in answers.items()}
    if labels is not None:
        counts["labels"] = len(labels)
    if len(set(counts.values())) > 1 or not len(images):
        raise DynresError(
            "A sheet needs an answer of every instance, and a label, for each image. "
            f"Received: {counts}."
        )
    pictures = displayable(images, preprocessing)
    ratio = pictures[0].shape[0] / pictures[0].shape[1]
    captions = [
        _caption(
            [(name, rows[number][0]) for name, rows in answers.items()],
            None if labels is None else labels[number],
        )
        for number in range(len(pictures))
    ]
    lines = _LINE * (len(captions[0]) + 0.5)
    figure, panels = _grid(len(pictures), across, ratio + lines, title)
    for axes, picture, caption in zip(panels, pictures, captions, strict=False):
        draw(axes, picture)
        for row, (words, color, weight) in enumerate(caption):
            axes.text(
                *(0, -_LINE * (row + 0.3) / ratio),
                words,
                transform=axes.transAxes,
                color=color,
                fontsize=8,
                fontweight=weight,
                va="top",
            )
    if path is not None:
        save(figure, path)
    return figure


def _grid(count: int, across: int, height: float, title: str | None) -> tuple[Any, Any]:
    """A figure with a panel for each picture, of this height a width."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(across, count)
    down = -(-count // across)
    rest = 0.4 if title else 0.1
    figure = Figure(figsize=(_WIDTH * across, _WIDTH * height * down + rest))
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.03)
    if title:
        figure.suptitle(title, fontsize=10)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes in panels:
        bare(axes)
    return figure, panels


def _caption(
    answers: Sequence[tuple[str, tuple[str, float]]], label: str | None
) -> list[tuple[str, str, str]]:
    """Lines of words, their colour and weight: what is shown, then each answer."""
    lines = [] if label is None else [(_plain(label), _INK, "bold")]
    for name, (answer, sureness) in answers:
        sign, color = ("", _INK) if label is None else _SIGNS[answer == label]
        words = f"{sign} {name}: {_plain(answer)} {100 * sureness:.0f} %"
        lines.append((words.strip(), color, "normal"))
    return lines


def _plain(label: str) -> str:
    return str(label).replace("_", " ")
