"""A garbage truck."""

import numpy as np

from keras_dynres_cli.drawings import background
from keras_dynres_cli.drawings.canvas import Canvas


def on_street() -> np.ndarray:
    """A rear loader with a white cab, from its side."""
    canvas = Canvas(9)
    background.sky(canvas, (112, 150, 200), (206, 220, 232), clouds=0.4, end=90)
    background.trees(canvas, 112, 44, (58, 80, 42))
    canvas.paint(canvas.y > 108, (150, 146, 136))
    canvas.paint(canvas.y > 114, canvas.down((104, 104, 106), (78, 78, 80), 114))
    canvas.paint(canvas.box(0, 148, 160, 150), (206, 190, 120))
    canvas.paint(canvas.soft(canvas.ellipse((80, 132), (76, 7)), 3), (30, 30, 32), 0.85)
    canvas.paint(canvas.box(12, 108, 146, 118), (44, 44, 48))
    _body(canvas)
    _cab(canvas)
    for x in (38, 60, 124):
        _wheel(canvas, x, 120)
    return canvas.picture()


def _body(canvas: Canvas) -> None:
    """The container with its ribs and a sign, and the hopper behind it."""
    green, dark = (74, 146, 84), (30, 78, 46)
    body = canvas.box(36, 44, 108, 110)
    canvas.paint(body, canvas.down((104, 170, 108), green, 44, 70))
    canvas.paint(body * (canvas.y > 84), canvas.down(green, dark, 84, 112))
    for x in range(40, 108, 13):
        canvas.paint(canvas.box(x, 46, x + 3, 108), (122, 186, 124), 0.75)
        canvas.paint(canvas.box(x + 3, 46, x + 5, 108), (24, 62, 38), 0.6)
    canvas.paint(canvas.box(36, 42, 108, 46), (150, 200, 150))
    canvas.paint(canvas.box(36, 105, 108, 110), (22, 58, 36))
    canvas.paint(canvas.box(52, 62, 94, 82), (232, 234, 228))
    canvas.paint(canvas.ellipse((62, 72), 6.5), (44, 122, 66))
    canvas.paint(canvas.box(72, 67, 90, 70), (44, 84, 60))
    canvas.paint(canvas.box(72, 74, 86, 76), (44, 84, 60))
    _hopper(canvas)


def _hopper(canvas: Canvas) -> None:
    outline = [(36, 40), (18, 50), (6, 78), (8, 104), (20, 116), (36, 112)]
    green = canvas.across((40, 96, 56), (92, 158, 98), 6, 36)
    canvas.paint(canvas.polygon(outline), green)
    mouth = canvas.polygon([(9, 80), (22, 74), (24, 100), (11, 102)])
    canvas.paint(mouth, (24, 28, 26))
    canvas.tube([(30, 46), (14, 82)], 3.4, (70, 74, 76), (220, 224, 226))
    canvas.paint(canvas.line([(36, 42), (36, 112)], 2), (20, 54, 34))
    canvas.paint(canvas.box(8, 104, 13, 109), (206, 40, 34))
    canvas.paint(canvas.box(8, 112, 30, 115), (60, 60, 60))


def _cab(canvas: Canvas) -> None:
    """The cab, which looks to the right."""
    outline = [(110, 54), (136, 54), (144, 60), (150, 84), (150, 116), (110, 116)]
    cab = canvas.polygon(outline)
    canvas.paint(cab, canvas.down((246, 246, 244), (196, 200, 206), 54, 116))
    glass = canvas.down((56, 72, 86), (114, 136, 152), 60, 82)
    canvas.paint(canvas.polygon([(128, 60), (138, 60), (145, 82), (128, 82)]), glass)
    canvas.paint(canvas.box(113, 60, 125, 82), glass)
    glint = canvas.polygon([(132, 60), (136, 60), (133, 82), (129, 82)])
    canvas.paint(glint, (196, 210, 220), 0.5)
    for x in (111, 126.5):
        canvas.paint(canvas.box(x, 58, x + 0.8, 112), (130, 134, 140))
    canvas.paint(canvas.box(119, 88, 124, 90), (70, 70, 74))
    canvas.paint(canvas.box(110, 96, 150, 100), (60, 136, 76))
    canvas.paint(canvas.box(144, 92, 151, 99), (250, 232, 170))
    canvas.paint(canvas.box(134, 108, 153, 118), (70, 72, 76))
    canvas.paint(canvas.rounded(143, 64, 148, 80, 1), (40, 40, 44))
    canvas.paint(canvas.box(120, 50, 134, 54), (226, 150, 40))
    canvas.tube([(109, 36), (109, 108)], 3, (80, 82, 86), (214, 216, 220))


def _wheel(canvas: Canvas, x: float, y: float) -> None:
    canvas.paint(canvas.ellipse((x, y - 1), 15), (26, 28, 28))
    canvas.paint(canvas.ellipse((x, y), 12.5), (38, 38, 40))
    canvas.paint(canvas.ellipse((x, y), 11.5), (24, 24, 26))
    rim = canvas.down((222, 224, 226), (130, 132, 136), y - 7, y + 7)
    canvas.paint(canvas.ellipse((x, y), 7), rim)
    canvas.paint(canvas.ellipse((x, y), 4.4), (112, 114, 118))
    for angle in np.radians(range(0, 360, 60)):
        hole = (x + 5.6 * np.cos(angle), y + 5.6 * np.sin(angle))
        canvas.paint(canvas.ellipse(hole, 0.9), (60, 60, 62))
    canvas.paint(canvas.ellipse((x, y), 2.2), (190, 192, 196))
