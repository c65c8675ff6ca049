"""A tench."""

import numpy as np

from keras_dynres_cli.drawings import background
from keras_dynres_cli.drawings.canvas import Canvas, Point, mix

_FIN, _RAY = (72, 62, 28), (122, 106, 54)


def on_grass() -> np.ndarray:
    """A tench that lies in the grass."""
    canvas = Canvas(13)
    background.grass(canvas, -20, (70, 100, 40), blade=20, count=5000)
    shadow = canvas.soft(canvas.ellipse((80, 100), (70, 24), -6), 5)
    canvas.paint(shadow, (16, 24, 8), 0.8)
    _fin(canvas, [(126, 70), (126, 86)], [(154, 50), (150, 78), (156, 104)])
    _fin(canvas, [(68, 60), (102, 68)], [(72, 38), (84, 33), (96, 40), (108, 62)])
    _fin(canvas, [(96, 98), (118, 90)], [(106, 118), (114, 120), (124, 104)])
    _fin(canvas, [(66, 104), (80, 102)], [(70, 124), (80, 127), (90, 116)])
    _body(canvas)
    _fin(canvas, [(50, 90), (52, 98)], [(70, 94), (72, 103), (64, 111)])
    return canvas.picture()


def _body(canvas: Canvas) -> None:
    u, v = canvas.around((72, 82), -4)
    along = np.clip((u + 62) / 122, 0, 1)
    places = (0, 0.03, 0.1, 0.25, 0.42, 0.6, 0.8, 0.92, 1)
    half = np.interp(along, places, (0, 8, 15, 23, 26, 22, 13, 10.5, 11))
    inside = (along > 0) & (along < 1) & (np.abs(v) < half)
    height = np.clip(v / np.maximum(half, 1), -1, 1)
    color = mix((58, 62, 26), (168, 138, 52), np.clip(0.55 + 0.75 * height, 0, 1))
    color = mix(color, (232, 198, 104), np.clip(1.6 * (height - 0.5), 0, 1))
    rows = np.round(v / 1.7)
    scales = np.cos((u + 0.9 * (rows % 2)) * 3.5) * np.cos((v / 1.7 - rows) * np.pi)
    gloss = np.exp(-(((height + 0.42) / 0.2) ** 2)) * (0.8 + 0.2 * canvas.noise(9, 3))
    curve = np.sqrt(np.clip(1 - height**2, 0, 1))
    light = (0.84 + 0.1 * scales * (u > -32) + 0.6 * gloss) * (0.42 + 0.58 * curve)
    canvas.paint(inside, np.clip(color * light[..., None], 0, 255))
    # The head has no scales; its gill cover ends in a fold.
    canvas.paint(inside & (u < -56), (150, 112, 60), 0.4)
    fold = [(40, 66), (47, 76), (48, 88), (42, 102)]
    canvas.paint(canvas.soft(canvas.line(fold, 2.2), 0.6) * inside, (44, 40, 16), 0.85)
    gleam = canvas.soft(canvas.line([(x - 3, y) for x, y in fold], 2), 1)
    canvas.paint(gleam * inside, (206, 176, 92), 0.5)
    canvas.paint(canvas.ellipse((25, 80), 3.8), (60, 44, 18))
    canvas.paint(canvas.ellipse((25, 80), 3.1), (206, 88, 32))
    canvas.paint(canvas.ellipse((25, 80), 1.7), (12, 10, 10))
    canvas.paint(canvas.ellipse((24.3, 79.2), 0.7), (255, 255, 255))
    canvas.paint(canvas.line([(10, 89), (14, 91), (19, 93)], 1.4), (56, 40, 20))


def _fin(canvas: Canvas, base: list[Point], rim: list[Point]) -> None:
    """A fan of rays from its base on the body to its rim."""
    canvas.paint(canvas.soft(canvas.polygon([*base, *rim[::-1]]), 0.6), _FIN)
    ends = zip(_spread(base), _spread(rim), strict=True)
    canvas.strokes([(ray, 0.4, _RAY) for ray in ends])


def _spread(points: list[Point]) -> list[Point]:
    """As many points as there are rays, along a way."""
    knots, places = np.linspace(0, 1, len(points)), np.linspace(0, 1, 15)
    axes = (np.interp(places, knots, axis) for axis in zip(*points, strict=True))
    return list(zip(*axes, strict=True))
