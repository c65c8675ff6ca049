"""A chain saw."""

import numpy as np

from keras_dynres_cli.drawings import background
from keras_dynres_cli.drawings.canvas import Canvas, Point, arc, mix


def before_logs() -> np.ndarray:
    """An orange saw before a pile of logs."""
    canvas = Canvas(12)
    canvas.paint(1.0, (38, 30, 22))
    for row in range(4):
        for column in range(-1, 5):
            radius = 19 + canvas.random.uniform(-2.5, 1)
            x = 36 * column + 18 * (row % 2) + canvas.random.normal(0, 1) + 8
            _log(canvas, (x, 8 + 32 * row), radius)
    canvas.blur(0.7)
    background.grass(canvas, 112, (92, 116, 50), blade=9)
    chips = [(214, 180, 126), (186, 146, 96), (232, 204, 154)]
    background.crumbs(canvas, 116, chips, count=500, size=5)
    _bar(canvas)
    _body(canvas)
    return canvas.picture()


def _log(canvas: Canvas, center: Point, radius: float) -> None:
    """The end of a log, with its rings and its bark."""
    u, v = canvas.around(center)
    far = np.hypot(u, v) + 0.8 * canvas.noise(9, 3)
    tone = canvas.random.normal(1, 0.07)
    rings = 0.93 + 0.07 * np.sin(1.9 * far) - 0.1 * (v > 0) * v / radius
    wood = mix((176, 128, 78), (214, 176, 124), np.clip(far / radius, 0, 1))
    canvas.paint(far < radius, (78, 60, 44))
    canvas.paint(far < 0.9 * radius, tone * rings[..., None] * wood)
    split = arc(center, 0.7 * radius, np.degrees(canvas.random.uniform(0, np.pi)), 0)
    canvas.paint(canvas.line([center, split[0]], 0.7), (110, 76, 46))


def _bar(canvas: Canvas) -> None:
    """The guide bar and the chain around it, to the left."""
    u, v = canvas.around((88, 92), 14)
    shadow = canvas.soft(canvas.line([(18, 82), (90, 100)], 17), 2.5)
    canvas.paint(shadow, (40, 26, 14), 0.7)
    tip = np.hypot(np.minimum(u + 74, 0), v)
    reach = (u < 6) & (np.abs(v) < 12)
    teeth = np.where((u + np.sign(v) * 1.5) % 5 < 2.8, 9.6, 7.6)
    canvas.paint(reach & (tip < teeth), (38, 36, 36))
    steel = mix((232, 234, 236), (140, 142, 148), np.clip(0.5 + v / 13, 0, 1))
    canvas.paint(reach & (tip < 6.6), steel)
    canvas.paint(reach & (np.abs(tip - 7.4) < 0.5) & (u % 5 < 3), (170, 170, 172))
    for x in (-70, -52):
        canvas.paint(np.hypot(u - x, v) < 1.6, (90, 90, 94))
    canvas.paint((np.abs(v) < 2.6) & (u > -42) & (u < -14), (206, 60, 28), 0.9)
    canvas.paint((np.abs(v) < 1.1) & (u > -40) & (u < -16), (240, 240, 240), 0.9)


def _body(canvas: Canvas) -> None:
    """The motor's housing between its two handles."""
    shadow = canvas.soft(canvas.rounded(78, 72, 156, 122, 10), 3)
    canvas.paint(shadow, (36, 24, 12), 0.75)
    rear = [(132, 84), (148, 82), (155, 90), (154, 106), (146, 114), (128, 114)]
    canvas.tube(rear, 8, (16, 16, 18), (92, 92, 96))
    canvas.tube([(140, 92), (142, 97)], 3, (120, 30, 20), (220, 70, 50))  # The trigger.
    _housing(canvas)
    front = [(100, 78), (98, 52), (106, 44), (128, 44), (136, 54), (134, 74)]
    canvas.tube(front, 6, (16, 16, 18), (100, 100, 104))
    guard = canvas.polygon([(82, 78), (80, 50), (88, 46), (94, 50), (92, 78)])
    canvas.paint(guard, canvas.across((70, 70, 74), (22, 22, 24), 78, 95))
    canvas.paint(canvas.ellipse((112, 70), (7, 4)), (30, 30, 32))


def _housing(canvas: Canvas) -> None:
    """Orange, with the chain's cover, the fan's slots and a plate."""
    orange, light, dark = (226, 88, 24), (250, 140, 60), (150, 50, 14)
    top = [(80, 84), (90, 72), (128, 68), (138, 78)]
    house = canvas.polygon([*top, (136, 114), (118, 122), (84, 116)])
    canvas.paint(house, canvas.down(light, orange, 68, 90))
    canvas.paint(house * (canvas.y > 92), canvas.down(orange, dark, 92, 122))
    cover = canvas.polygon([(80, 88), (104, 92), (106, 118), (84, 116)])
    canvas.paint(cover, (52, 52, 56))
    edge = canvas.polygon([(82, 90), (102, 94), (104, 98), (82, 94)])
    canvas.paint(edge, (120, 120, 124))
    for x in (90, 99):
        canvas.paint(canvas.ellipse((x, 107), 2.4), (190, 192, 196))
        canvas.paint(canvas.ellipse((x, 107), 1.2), (70, 70, 74))
    fan = canvas.ellipse((120, 98), 13)
    canvas.paint(fan, (190, 66, 16))
    for x in np.arange(110, 131, 3.4):
        canvas.paint(canvas.box(x, 89, x + 1.6, 107) * fan, (40, 22, 14))
    canvas.paint(canvas.box(96, 78, 126, 84), (240, 238, 232))
    for x in np.arange(99, 124, 4.2):
        canvas.paint(canvas.box(x, 79.5, x + 2.6, 82.5), (40, 40, 44))
