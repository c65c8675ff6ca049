"""Cost-error curves as matplotlib figures."""

import io
from pathlib import Path

from keras_dynres import files, text
from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.evaluation.curves import as_menus, curve, left_out
from keras_dynres.evaluation.predict import Score

FORMATS = ("png", "svg", "pdf")
# Told apart in the common colour-vision deficiencies, and by marker in print.
STYLES = (
    ("#0b6e99", "o"),
    ("#c4501b", "s"),
    ("#5b7f24", "^"),
    ("#8a4fa3", "D"),
    ("#a37a00", "v"),
    ("#555555", "P"),
)


def plot(
    menus,
    path=None,
    x="flops",
    metric="accuracy",
    beaten=False,
    images=None,
    names=False,
    title=None,
):
    """Draws the cost-error curve of one or several menus.

    An instance that a cheaper one beats is left out, as in the SDPoint paper's
    figures 2 to 4; so is one that was never measured, with a note.

    Args:
        menus: A `Menu`, a `DynamicModel`, or a dict of them by label.
        path: A .png, .svg or .pdf file to write; it appears whole or not at all.
        x: `"flops"`, `"macs"`, `"params"`, `"latency_ms"` or another cost measured.
        metric: A share of right answers; drawn as an error in percent.
        beaten: Whether to show the beaten instances, faintly.
        images: How many test images the metric stands on; draws the binomial
            standard error as bars.
        names: Whether to write each instance's name beside its point.
        title: The figure's title.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    kd.evaluation.plot(
        {"instance BN": model.menu, "uniform BN": uniform.menu}, "curve.png"
    )
    ```
    """
    curves = [curve(m, x, metric, label) for label, m in as_menus(menus).items()]
    empty = [c.label for c in curves if not c.front]
    if empty:
        raise DynresError(
            f"A curve needs instances with both {x!r} and {metric!r} measured "
            f"(evaluate_menu, benchmark). Received: {empty[0]!r}, which has none."
        )
    figure, axes = _figure()
    for index, each in enumerate(curves):
        _draw(axes, each, STYLES[index % len(STYLES)], beaten, images, names)
    _dress(axes, curves, x, metric, title)
    if path is not None:
        save(figure, path)
    return figure


def save(figure, path):
    """Writes a matplotlib figure at once; the ending says the format."""
    files.write(path, render(figure, check_format(path)))


def check_format(path):
    """The format that a file's ending asks for."""
    ending = Path(path).suffix.lstrip(".").lower()
    if ending not in FORMATS:
        raise UnknownNameError("figure format", ending or str(path), FORMATS)
    return ending


def render(figure, fmt="png", dpi=160):
    """A matplotlib figure's bytes."""
    out = io.BytesIO()
    # The same plot gives the same file: no date inside.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(fmt)
    figure.savefig(out, format=fmt, dpi=dpi, metadata=metadata)
    return out.getvalue()


def _figure(width=6.4, height=4.2):
    # A bare Figure with the Agg canvas: no display, no pyplot, no global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _draw(axes, each, style, beaten, images, names):
    color, marker = style
    xs = [p.x for p in each.front]
    errors = [100 * (1 - p.y) for p in each.front]
    bars = [100 * Score(p.y, images).stderr for p in each.front] if images else None
    axes.errorbar(
        xs,
        errors,
        yerr=bars,
        color=color,
        marker=marker,
        markersize=5,
        linewidth=1.6,
        elinewidth=1,
        capsize=2.5 if images else 0,
        label=each.label,
        zorder=3,
    )
    if beaten and each.beaten:
        axes.plot(
            [p.x for p in each.beaten],
            [100 * (1 - p.y) for p in each.beaten],
            color=color,
            marker=marker,
            markersize=4.5,
            linestyle="none",
            alpha=0.3,
            zorder=2,
        )
    for point, error in zip(each.front, errors, strict=True) if names else ():
        axes.annotate(
            point.name,
            (point.x, error),
            xytext=(4, 5),
            textcoords="offset points",
            fontsize=7.5,
            color=color,
        )


def _dress(axes, curves, x, metric, title):
    from matplotlib.ticker import FuncFormatter

    kind = "Top-1" if metric == "accuracy" else text.head(metric)
    axes.set_ylabel(f"{kind} error (%)")
    axes.set_xlabel(text.axis(x))
    axes.margins(x=0.06, y=0.08)
    if x in ("macs", "flops", "params"):
        most = axes.get_xlim()[1]
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: text.tick(value, x, most))
        )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    if len(curves) > 1:
        axes.legend(frameon=False)
    if title:
        axes.set_title(title, fontsize=11)
    note = left_out([name for each in curves for name in each.missing])
    if note:
        axes.figure.supxlabel(note, fontsize=7.5, color="#666666")
