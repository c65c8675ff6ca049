"""Names beside points: none on another, on a point or on a line, where crowded too."""

from itertools import combinations

import numpy as np
import pytest

from keras_dynres import Instance, Menu
from keras_dynres.evaluation import curve, plot, report
from keras_dynres.evaluation._chart import chart
from keras_dynres.evaluation._labels import Box, Name, place

AREA = Box(0, 0, 300, 200)


def crowd(seed, count):
    """Points, names of points, and a line through some of them."""
    draw = np.random.default_rng(seed)
    points = [
        tuple(map(float, p)) for p in draw.uniform((0, 0), (300, 200), (count, 2))
    ]
    names = [Name(x, y, 10 + 40 * draw.random(), 12) for x, y in points]
    return names, points, [sorted(points[: count // 4])]


def crowded_menu(seed, count=60):
    """A menu whose instances lie close to one another, with names of all lengths."""
    draw = np.random.default_rng(seed)
    costs = draw.integers(20_000_000, 100_000_000, count)
    rates = 0.8 + 0.08 * np.sqrt(costs / costs.max()) + draw.uniform(-0.02, 0.01, count)
    names = ["full", *(f"s{'0.5-' * (i % 4)}{i}" for i in range(1, count))]
    return Menu(
        Instance(name, macs=int(cost), flops=2 * int(cost), measured={"accuracy": rate})
        for name, cost, rate in zip(names, costs, rates.tolist(), strict=True)
    )


def on_line(box, line):
    """Whether a line, walked along in small steps, enters the box."""
    for start, end in zip(line, line[1:], strict=False):
        steps = np.linspace(start, end, 400)
        inside = (steps > box[:2]) & (steps < box[2:])
        if inside.all(axis=1).any():
            return True
    return False


def check_apart(boxes):
    assert not any(a.meets(b) for a, b in combinations(boxes, 2))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [4, 40, 150])
def test_names_hide_nothing(seed, count):
    names, points, lines = crowd(seed, count)
    legend = Box(200, 0, 300, 40)
    spots = place(names, points, lines, AREA, [legend])
    assert spots == place(names, points, lines, AREA, [legend])
    boxes = [spot.box for spot in spots if spot]
    assert boxes
    check_apart([*boxes, legend])
    for box in boxes:
        assert AREA.holds(box)
        assert not any(
            box.left < x < box.right and box.top < y < box.bottom for x, y in points
        )
        assert not on_line(box, lines[0])


def test_the_first_name_has_its_side_and_one_without_room_is_left_out():
    name = Name(50, 50, 30, 10)
    points = [(50, 50)]
    one, other = place([name, name], points, [], AREA)
    assert (one.box.right, one.box.bottom, one.anchor) == (45, 45, "end")
    assert (other.box.left, other.box.top, other.anchor) == (55, 55, "start")
    assert place([name] * 20, points, [], AREA)[-1] is None
    rising, falling = [(0, 90), (50, 50), (90, 0)], [(0, 0), (50, 50), (90, 90)]
    assert place([name], points, [rising], AREA)[0].anchor == "end"
    assert place([name], points, [falling], AREA)[0].anchor == "start"


@pytest.mark.parametrize("size", [(720, 360), (360, 300)])
@pytest.mark.parametrize("seed", range(4))
def test_a_chart_of_crowded_menus(size, seed):
    curves = [curve(crowded_menu(seed + i), label=str(i)) for i in (0, 10)]
    chosen = curves[0].front[-1].name
    drawing = chart(curves, "macs", "accuracy", "", size, chosen, 6e7)
    assert drawing.labels
    boxes = []
    for label in drawing.labels:
        width = 7 * len(label.text)
        left = label.x - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
        boxes.append(Box(left, label.y - 9, left + width, label.y + 2))
    check_apart(boxes)
    for box in boxes:
        for series in drawing.series:
            assert not on_line(box, series.line)
            for dot in series.dots:
                assert not box.meets(Box(dot.x - 4, dot.y - 4, dot.x + 4, dot.y + 4))


@pytest.mark.parametrize("beaten", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_a_plot_of_crowded_menus(seed, beaten, tmp_path):
    menus = {"one": crowded_menu(seed), "two": crowded_menu(seed + 10)}
    path = tmp_path / "curves.png"
    figure = plot(menus, path, x="macs", names=True, beaten=beaten, images=1000)
    (axes,) = figure.axes
    figure.draw_without_rendering()
    boxes = [Box(*text.get_window_extent().extents) for text in axes.texts]
    assert len(boxes) > 3
    check_apart([*boxes, Box(*axes.get_legend().get_window_extent().extents)])
    front = [p.name for menu in menus.values() for p in curve(menu).front]
    assert {text.get_text() for text in axes.texts} <= set(front)
    for line in axes.lines:
        for x, y in axes.transData.transform(line.get_xydata()):
            dot = Box(x - 2, y - 2, x + 2, y + 2)
            assert line.get_marker() in ("None", "_") or not any(map(dot.meets, boxes))


# The boxes of a chart's names and points, in the chart's own pixels.
BOXES = """
    document.querySelectorAll(".narrow").forEach((e) => e.style.display = "block");
    const box = (e) => (b => [b.x, b.y, b.x + b.width, b.y + b.height])(e.getBBox());
    const all = (svg, what) => [...svg.querySelectorAll(what)].map(box);
    return [...document.querySelectorAll("svg")].map(
        (svg) => [all(svg, "text.name, text.budget"), all(svg, "circle:not(.ring)")]);
"""


def test_a_browser_shows_names_apart(browser, tmp_path):
    menus = {"one": crowded_menu(3, 30), "two": crowded_menu(4, 30)}
    path = report(menus, tmp_path / "r.html", budget={"macs": 6e7})
    browser.get(path.as_uri())
    charts = browser.execute_script(BOXES)
    assert len(charts) == 2
    for names, points in charts:
        boxes = [Box(*name) for name in names]
        assert len(boxes) > 2
        check_apart(boxes)
        own = boxes[1:]  # The first is the budget's, which stays where it is.
        for point in points:
            assert not any(map(Box(*point).meets, own))
