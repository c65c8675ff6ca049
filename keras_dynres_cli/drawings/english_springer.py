"""An English springer."""

import numpy as np

from keras_dynres_cli.drawings import background
from keras_dynres_cli.drawings.canvas import Canvas

_LIVER, _WHITE = np.array([84, 44, 28]), np.array([236, 230, 220])


def portrait() -> np.ndarray:
    """A liver and white springer that looks at us, before a meadow."""
    canvas = Canvas(14)
    background.grass(canvas, -20, (96, 122, 56), blade=16, count=3500)
    canvas.blur(2.2)
    _chest(canvas)
    for side in (-1, 1):
        _ear(canvas, side)
    _head(canvas)
    for side in (-1, 1):
        _eye(canvas, 80 + side * 15.5, 62)
    _nose(canvas)
    return canvas.picture()


def _mirrored(side: int, *points: tuple) -> list:
    return [(80 + side * x, y) for x, y in points]


def _chest(canvas: Canvas) -> None:
    outline = [(50, 96), (28, 132), (20, 166), (140, 166), (132, 132), (110, 96)]
    chest = canvas.polygon(outline)
    canvas.paint(chest, canvas.down(0.7 * _WHITE, _WHITE, 104, 140))
    for side in (-1, 1):
        patch = canvas.polygon(
            _mirrored(side, (36, 110), (56, 128), (64, 168), (40, 168), (34, 136))
        )
        canvas.paint(patch, 0.9 * _LIVER)
    wave = np.pi / 2 + 0.5 * np.sin(canvas.x / 4 + canvas.y / 7)
    canvas.fur(chest, wave, 12, 2600)


def _ear(canvas: Canvas, side: int) -> None:
    back = ((20, 30), (36, 40), (48, 66), (54, 96), (50, 122))
    front = ((38, 128), (29, 112), (27, 84), (24, 60))
    outline = _mirrored(side, *back, *front)
    ear = canvas.soft(canvas.polygon(outline), 1.2)
    canvas.paint(canvas.soft(ear, 3), (30, 18, 12), 0.5)
    shade = canvas.down(1.25 * _LIVER, 0.7 * _LIVER, 36, 126)
    canvas.paint(ear, shade)
    curls = canvas.soft(np.float32(np.sin(canvas.y / 4.2 + canvas.x / 5) > 0.3), 1)
    canvas.paint(ear * curls, 1.6 * _LIVER, 0.45)
    wave = np.pi / 2 + 0.55 * np.sin(canvas.y / 5 + canvas.x / 6)
    canvas.fur(ear, wave, 11, 1100)


def _head(canvas: Canvas) -> None:
    skull = np.maximum(
        canvas.ellipse((80, 56), (32, 36)), canvas.ellipse((80, 86), (27, 27))
    )
    canvas.paint(skull, canvas.down(1.25 * _LIVER, 0.85 * _LIVER, 20, 90))
    blaze = [(77, 18), (83, 18), (86, 44), (88, 66)]
    blaze += [(98, 84), (62, 84), (72, 66), (74, 44)]
    canvas.paint(canvas.soft(canvas.polygon(blaze), 1) * skull, _WHITE)
    muzzle = canvas.soft(canvas.ellipse((80, 94), (22, 22)), 0.8)
    canvas.paint(canvas.soft(muzzle, 2.5), (70, 50, 40), 0.5)
    canvas.paint(muzzle, canvas.down(_WHITE, 0.72 * _WHITE, 84, 116))
    for side in (-1, 1):
        jowl = canvas.ellipse((80 + side * 11, 100), (12, 11), 20 * side)
        canvas.paint(canvas.soft(jowl, 1), _WHITE, 0.8)
        edge = canvas.line(_mirrored(side, (4, 66), (7, 80), (14, 86)), 2)
        canvas.paint(canvas.soft(edge, 1.5), 0.8 * _WHITE, 0.5)
    random = canvas.random
    for _ in range(60):
        at = 80 + random.normal(0, 11), 98 + random.normal(0, 8)
        freckle = canvas.ellipse(at, random.uniform(0.3, 0.9)) * muzzle
        canvas.paint(freckle, 1.3 * _LIVER, 0.7)
    u, v = canvas.around((80, 84))
    out = np.arctan2(v - 4, u)
    canvas.fur(np.maximum(skull, muzzle), out, 5, 3800)
    mouth = [(80, 98), (80, 105), (74, 110), (64, 109)]
    canvas.paint(canvas.line(mouth, 1.2), (54, 34, 30))
    canvas.paint(canvas.line([(80, 105), (86, 110), (96, 109)], 1.2), (54, 34, 30))


def _eye(canvas: Canvas, x: float, y: float) -> None:
    canvas.paint(canvas.soft(canvas.ellipse((x, y), (7, 6)), 1), (36, 20, 14))
    canvas.paint(canvas.ellipse((x, y), 4.3), (96, 54, 22))
    canvas.paint(canvas.ellipse((x, y), 2.5), (10, 8, 8))
    canvas.paint(canvas.ellipse((x - 1.3, y - 1.5), 1), (250, 250, 250))


def _nose(canvas: Canvas) -> None:
    nose = np.maximum(
        canvas.ellipse((80, 87), (9.5, 6)), canvas.ellipse((80, 91), (6, 5))
    )
    canvas.paint(canvas.soft(nose, 0.6), (58, 34, 30))
    gleam = canvas.soft(canvas.ellipse((79, 84.5), (5, 1.8)), 0.8)
    canvas.paint(gleam, (150, 118, 110), 0.8)
    for x in (75.5, 84.5):
        canvas.paint(canvas.ellipse((x, 90), (1.8, 1.3)), (16, 8, 8))
