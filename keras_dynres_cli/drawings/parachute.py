"""Parachutes: a gliding wing, and a round canopy."""

import numpy as np

from keras_dynres_cli.drawings import background
from keras_dynres_cli.drawings.canvas import Canvas, Point

_STRIPES = (
    *((206, 44, 52), (240, 128, 40), (244, 208, 60), (60, 150, 84)),
    *((52, 96, 190), (110, 64, 156), (214, 64, 120)),
)


def wing() -> np.ndarray:
    """A striped wing against a blue sky, a jumper below."""
    canvas = Canvas(3)
    background.sky(canvas, (58, 98, 176), (120, 158, 212), clouds=0.2)
    jumper = (88, 128)
    middle, inner, outer = (80, 118), 66, 96
    turn = np.degrees(np.arctan2(canvas.x - middle[0], middle[1] - canvas.y)) + 8
    far = np.hypot(canvas.x - middle[0], (canvas.y - middle[1]) * 1.02)
    cells = 9
    place = (turn + 46) / 92 * cells
    bulge = np.abs(np.sin(np.pi * place))
    for edge in np.linspace(-45, 45, 7):
        angle = np.radians(edge - 8)
        for radius, ahead in ((inner + 2, 0), (inner + 12, 2)):
            x = middle[0] + radius * np.sin(angle) + ahead
            y = middle[1] - radius * np.cos(angle)
            for riser in (-3, 3):
                way = [(x, y), (jumper[0] + riser, jumper[1] - 9)]
                canvas.paint(canvas.line(way, 0.35), (226, 228, 236), 0.75)
    inside = (place > 0) & (place < cells) & (far > inner + 4 * bulge)
    inside &= far < outer + 2 * bulge
    colors = np.array([_STRIPES[i % len(_STRIPES)] for i in range(cells)])
    cloth = colors[np.clip(place.astype(int), 0, cells - 1)]
    light = 0.72 + 0.3 * bulge + 0.25 * (far - inner) / (outer - inner) - 0.1
    canvas.paint(inside, np.clip(cloth * light[..., None], 0, 255))
    canvas.paint(inside & (far < inner + 9), cloth * 0.42)
    canvas.paint(inside & (bulge < 0.16), (40, 36, 48), 0.5)
    _jumper(canvas, jumper)
    return canvas.picture()


def round_canopy() -> np.ndarray:
    """A round canopy of white and orange gores among clouds."""
    canvas = Canvas(4)
    background.sky(canvas, (70, 120, 190), (176, 204, 230), clouds=0.4)
    jumper = (78, 136)
    middle, wide, high = (80, 66), 56, 52
    gores = 14
    rim = [
        (middle[0] + wide * np.sin(a), middle[1] + 6 * np.cos(a))
        for a in np.linspace(-np.pi / 2, np.pi / 2, gores + 1)
    ]
    canvas.paint(canvas.ellipse(middle, (wide, 9)), (120, 60, 34))
    for x, y in rim:
        way = [(x, y), (jumper[0] + (x - 80) * 0.05, jumper[1] - 9)]
        canvas.paint(canvas.line(way, 0.4), (236, 236, 238), 0.8)
    u, v = (canvas.x - middle[0]) / wide, (middle[1] - canvas.y) / high
    dome = (u**2 + np.clip(v, 0, None) ** 2 < 1) & (v > 0)
    skirt = (np.abs(u) < 1) & (v <= 0)
    width = np.sqrt(np.clip(1 - np.clip(v, 0, 1) ** 2, 1e-4, 1))
    place = (np.arcsin(np.clip(u / width, -1, 1)) / np.pi + 0.5) * gores
    bulge = np.abs(np.sin(np.pi * place))
    front = 6 * np.sqrt(np.clip(1 - u**2, 0, 1))
    skirt &= canvas.y - middle[1] < front - 3.5 * bulge
    colors = np.array([(232, 104, 36), (244, 242, 238)])
    cloth = colors[np.clip(place, 0, gores - 1).astype(int) % 2]
    light = 0.62 + 0.2 * bulge + 0.25 * np.clip(v - 0.4 * u, -0.5, 1)
    canvas.paint(dome | skirt, np.clip(cloth * light[..., None] * 1.1, 0, 255))
    canvas.paint((dome | skirt) & (bulge < 0.14), (110, 70, 50), 0.5)
    canvas.paint(canvas.ellipse((80, 15), (5, 1.6)), (70, 60, 60))
    _jumper(canvas, jumper)
    return canvas.picture()


def _jumper(canvas: Canvas, at: Point) -> None:
    """Someone in a harness, hands at the lines, legs down."""
    x, y = at
    dark, red = (26, 28, 40), (190, 56, 54)
    for side in (-1, 1):
        leg = [(x + side * u, y + v) for u, v in ((1.5, 5), (3, 12), (2.2, 18))]
        canvas.tube(leg, 3.2, dark, (74, 78, 104))
        arm = [(x + side * u, y + v) for u, v in ((3, -2), (5, -7), (3, -12))]
        canvas.tube(arm, 2.2, (120, 30, 34), red)
    canvas.paint(canvas.ellipse((x, y + 1), (4, 6.5)), (60, 34, 44))
    canvas.paint(canvas.ellipse((x - 1, y), (2, 5)), red)
    canvas.paint(canvas.ellipse((x, y - 7), 2.7), (232, 190, 160))
    canvas.paint(canvas.ellipse((x, y - 8), (2.9, 2)), dark)
