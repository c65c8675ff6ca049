"""A chart as a file of its own."""

import xml.etree.ElementTree as ElementTree

from keras_dynres.evaluation import Curve, Point, curve
from keras_dynres.evaluation.svg import svg

SPACE = "{http://www.w3.org/2000/svg}"


def drawn(curves, **options):
    root = ElementTree.fromstring(svg(curves, "macs", "accuracy", "A & B", **options))
    assert root.tag == f"{SPACE}svg"
    return root


def classes(root, tag):
    return [e.get("class") for e in root.iter(f"{SPACE}{tag}")]


def test_every_instance_and_every_label_is_there(random_menu):
    curves = [curve(random_menu(seed), label=f"net <{seed}>") for seed in range(3)]
    root = drawn(curves)
    texts = [e.text for e in root.iter(f"{SPACE}text")]
    assert [t for t in texts if t.startswith("net")] == [c.label for c in curves]
    dots = [c for c in classes(root, "circle") if c.split()[0] in ("front", "beaten")]
    count = sum(len(c.front) + len(c.beaten) for c in curves)
    assert len(dots) == count + len(curves)
    assert root.get("aria-label") == "A & B"


def test_it_stands_alone_in_light_and_dark(random_menu):
    text = svg([curve(random_menu(1))], "macs", "accuracy", "a menu")
    assert "prefers-color-scheme: dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert text == svg([curve(random_menu(1))], "macs", "accuracy", "a menu")


def test_curves_after_the_sixth_look_otherwise():
    points = (Point("a", 1e6, 0.5), Point("b", 2e6, 0.6))
    root = drawn([Curve(f"net {i}", points, (), ()) for i in range(8)])
    lines = classes(root, "polyline")
    assert len(set(lines)) == 8
    assert lines[6:] == ["line s0 again", "line s1 again"]


def test_a_long_legend_goes_on_below_within_the_width():
    points = (Point("a", 1e6, 0.5),)
    curves = [Curve(f"a network of a long name {i}", points, (), ()) for i in range(7)]
    root = drawn(curves, chosen="a")
    keys = [e for e in root.iter(f"{SPACE}circle") if e.get("r") == "5"]
    assert len({key.get("cy") for key in keys}) == 3
    width, height = map(float, root.get("viewBox").split()[2:])
    assert height > 400
    assert all(float(key.get("cx")) + 14 + 26 * 7.6 <= width for key in keys)
    assert "ring" in classes(root, "circle")
