"""A cassette player."""

import numpy as np

from keras_dynres_cli.drawings.canvas import Canvas, arc


def boombox() -> np.ndarray:
    """A portable one with two loudspeakers, before white."""
    canvas = Canvas(10)
    canvas.paint(1.0, canvas.down((250, 250, 250), (232, 232, 234)))
    shadow = canvas.soft(canvas.ellipse((80, 128), (72, 6)), 3)
    canvas.paint(shadow, (120, 120, 124), 0.8)
    handle = [(24, 48), (24, 30), (30, 25), (130, 25), (136, 30), (136, 48)]
    canvas.tube(handle, 6, (60, 62, 66), (214, 216, 220))
    canvas.tube([(118, 44), (152, 4)], 1.6, (90, 92, 96), (240, 240, 244))
    canvas.paint(canvas.rounded(8, 40, 152, 128, 7), (84, 86, 92))
    silver = canvas.down((222, 224, 228), (164, 168, 174), 41, 126)
    canvas.paint(canvas.rounded(9, 41, 151, 126, 6), silver)
    _scale(canvas)
    for x in (36, 124):
        _speaker(canvas, x, 92)
    _deck(canvas)
    for x in (14, 146):
        for y in (70, 121):
            canvas.paint(canvas.ellipse((x, y), 1.3), (90, 92, 96))
    return canvas.picture()


def _scale(canvas: Canvas) -> None:
    """The tuner's scale with its knobs."""
    canvas.paint(canvas.rounded(14, 45, 146, 63, 2), (36, 38, 42))
    canvas.paint(canvas.rounded(40, 47, 118, 61, 1), (18, 22, 26))
    for y in (51, 56):
        canvas.paint(canvas.box(44, y, 114, y + 0.7), (196, 214, 190))
        for x in range(45, 114, 5):
            canvas.paint(canvas.box(x, y - 2, x + 0.8, y), (196, 214, 190))
    canvas.paint(canvas.box(84, 48, 85.4, 60), (230, 60, 44))
    for x in (22, 32, 128, 139):
        canvas.paint(canvas.ellipse((x, 54), 4.6), (96, 98, 104))
        knob = canvas.down((236, 238, 240), (150, 152, 158), 50, 58)
        canvas.paint(canvas.ellipse((x, 54), 3.8), knob)
        canvas.paint(canvas.box(x - 0.5, 50.5, x + 0.5, 54), (60, 60, 64))


def _speaker(canvas: Canvas, x: float, y: float) -> None:
    """A cone behind a grille."""
    canvas.paint(canvas.ellipse((x, y), 27), (120, 124, 130))
    black = canvas.down((74, 76, 80), (40, 42, 46), y - 25, y + 25)
    canvas.paint(canvas.ellipse((x, y), 25.5), black)
    far = np.hypot(canvas.x - x, canvas.y - y)
    canvas.paint((far > 17) & (far < 19), (88, 90, 94))
    canvas.paint(far < 16, (30, 32, 36))
    canvas.paint(far < 7, canvas.across((84, 86, 92), (44, 46, 50), x - 7, x + 7))
    holes = (canvas.x % 2.6 < 1.2) & (canvas.y % 2.6 < 1.2)
    canvas.paint((far < 25) * holes, (136, 140, 146), 0.55)
    canvas.paint((far > 25) & (far < 27) & (canvas.y < y), (236, 238, 240), 0.7)


def _deck(canvas: Canvas) -> None:
    """The cassette behind its window, and the keys below."""
    canvas.paint(canvas.rounded(63, 67, 97, 107, 2), (70, 72, 78))
    canvas.paint(canvas.rounded(64, 68, 96, 106, 2), (46, 48, 54))
    canvas.paint(canvas.rounded(66, 74, 94, 98, 1.5), (212, 206, 190))
    canvas.paint(canvas.box(68, 76, 92, 81), (196, 60, 44))
    canvas.paint(canvas.rounded(70, 83, 90, 93, 3), (52, 44, 40))
    for x in (74.5, 85.5):
        canvas.paint(canvas.ellipse((x, 88), 3.6), (240, 238, 230))
        canvas.paint(canvas.ellipse((x, 88), 2), (30, 30, 32))
    head = canvas.polygon([(72, 98), (75, 94), (85, 94), (88, 98)])
    canvas.paint(head, (170, 164, 150))
    glint = canvas.polygon([(66, 74), (78, 74), (68, 98), (66, 98)])
    canvas.paint(glint, (255, 255, 255), 0.22)
    for i, x in enumerate(np.linspace(63, 92, 6)):
        canvas.paint(canvas.rounded(x, 111, x + 4.9, 121, 0.8), (60, 62, 66))
        top = (206, 60, 48) if i == 0 else (238, 240, 242)
        canvas.paint(canvas.rounded(x, 111, x + 4.3, 119.5, 0.8), top)
    for x in (70, 80, 90):
        canvas.paint(canvas.line(arc((x, 71), 0.8, 0, 360), 0.5), (220, 70, 50))
