"""A gas pump."""

import numpy as np

from keras_dynres_cli.drawings.canvas import Canvas, Point, arc

_RED, _CREAM = (196, 32, 34), (244, 240, 228)


def with_globe() -> np.ndarray:
    """A red pump of the fifties with a lit globe, before a pale wall."""
    canvas = Canvas(7)
    _wall(canvas)
    shadow = canvas.soft(canvas.ellipse((86, 144), (44, 8)), 4)
    canvas.paint(shadow, (50, 48, 44), 0.7)
    _housing(canvas)
    _globe(canvas)
    _hose(canvas, [(98, 70), (108, 72), (116, 92), (118, 118), (112, 132), (104, 124)])
    _nozzle(canvas, 99, 62)
    return canvas.picture()


def _wall(canvas: Canvas) -> None:
    """Boards and a window, and the ground before them."""
    canvas.paint(1.0, canvas.down((206, 190, 150), (188, 168, 126)))
    canvas.paint(canvas.y % 8 < 0.7, (150, 132, 98), 0.6)
    canvas.paint(canvas.box(104, 30, 152, 108), _CREAM)
    for left, right in ((107, 127), (129, 149)):
        glass = canvas.down((74, 90, 104), (40, 50, 60))
        canvas.paint(canvas.box(left, 33, right, 105), glass)
    canvas.paint(canvas.y > 136, canvas.down((150, 148, 142), (112, 110, 104), 136))


def _housing(canvas: Canvas) -> None:
    """The pump with its counters and its sign."""
    canvas.paint(canvas.rounded(46, 134, 102, 148, 2), (60, 58, 58))
    body = canvas.rounded(50, 42, 98, 142, 8)
    canvas.paint(body, canvas.across((232, 82, 70), _RED, 50, 66))
    canvas.paint(body * (canvas.x > 70), canvas.across(_RED, (110, 14, 20), 70, 98))
    canvas.paint(canvas.rounded(54, 48, 94, 82, 4), (214, 214, 210))
    canvas.paint(canvas.rounded(56, 50, 92, 80, 3), (246, 244, 234))
    for y in (56, 64, 72):
        canvas.paint(canvas.box(60, y, 88, y + 5), (32, 32, 36))
        for x in (62, 68, 74, 80):
            canvas.paint(canvas.box(x, y + 1, x + 3, y + 4), (240, 236, 220))
    canvas.paint(canvas.rounded(58, 94, 90, 118, 3), _CREAM)
    canvas.paint(canvas.ellipse((74, 106), (12, 9)), (30, 70, 150))
    canvas.paint(canvas.box(64, 104, 84, 108), _CREAM)
    for top, bottom in ((85, 88), (124, 126)):
        canvas.paint(canvas.box(50, top, 98, bottom), (226, 224, 220))


def _globe(canvas: Canvas) -> None:
    canvas.paint(canvas.box(66, 34, 82, 43), (190, 190, 188))
    center = (74, 20)
    canvas.paint(canvas.ellipse(center, 17), _RED)
    light = canvas.across((255, 253, 242), (206, 202, 186), 60, 92)
    canvas.paint(canvas.ellipse(center, 15), light)
    u, v = canvas.around(center)
    canvas.paint((np.abs(v + u * 0.3) < 4) * canvas.ellipse(center, 13), _RED)


def _hose(canvas: Canvas, points: list[Point]) -> None:
    """A rubber hose along the points, its corners rounded off."""
    places = np.linspace(0, len(points) - 1, 60)
    window = np.ones(13) / 13
    x, y = (
        np.convolve(np.pad(np.interp(places, range(len(points)), a), 6, "edge"), window)
        for a in zip(*points, strict=True)
    )
    way = list(zip(x[12:-12], y[12:-12], strict=True))
    canvas.tube(way, 4.4, (18, 18, 20), (96, 96, 100))


def _nozzle(canvas: Canvas, x: float, y: float) -> None:
    """The nozzle in its holder at the pump's right side."""
    canvas.paint(canvas.rounded(x - 2, y, x + 6, y + 20, 2), (60, 60, 64))
    way = [(x + 3, y - 4), (x + 6, y + 8), (x + 5, y + 18)]
    canvas.tube(way, 6, (36, 38, 44), (150, 154, 160))
    guard = arc((x + 8, y + 8), (5, 7), -80, 80)
    canvas.tube(guard, 1.6, (50, 50, 54), (170, 170, 174))
