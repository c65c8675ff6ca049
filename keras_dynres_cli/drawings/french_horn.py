"""A French horn."""

import numpy as np

from keras_dynres_cli.drawings.canvas import Canvas, arc, mix

_DARK, _LIGHT = (96, 58, 12), (255, 232, 150)


def on_velvet() -> np.ndarray:
    """A brass horn on dark red cloth."""
    canvas = Canvas(11)
    folds = np.sin((canvas.x + 0.7 * canvas.y) / 13 + 1.5 * canvas.noise(70))
    canvas.paint(1.0, mix((44, 10, 18), (122, 26, 40), 0.5 + 0.5 * folds))
    for shadow in (
        canvas.line(arc((74, 66), (48, 44), 0, 360), 16),
        canvas.ellipse((112, 118), (42, 36)),
    ):
        canvas.paint(canvas.soft(shadow, 4), (18, 4, 8), 0.7)
    for radius, start, end in ((46, 20, 330), (39, 100, 420), (32, 40, 400)):
        way = arc((72, 64), (radius, radius * 0.94), start, end)
        canvas.tube(way, 6 if radius > 40 else 5, _DARK, _LIGHT)
    for x in (54, 64, 74, 84):
        canvas.tube([(x, 40), (x + 2, 62), (x, 88)], 4.2, _DARK, _LIGHT)
        canvas.tube(arc((x + 4, 40), (4, 5), 180, 360), 3.4, _DARK, _LIGHT)
    for x in (56, 70, 84):
        _valve(canvas, x, 66)
    canvas.tube([(26, 44), (12, 26), (4, 16)], 3.4, _DARK, _LIGHT)
    canvas.tube([(8, 21), (2, 13)], 6, (90, 92, 96), (244, 246, 250))
    _flare(canvas)
    _bell(canvas)
    return canvas.picture()


def _flare(canvas: Canvas) -> None:
    """The last winding, which widens into the bell."""
    for part in np.linspace(0, 1, 30):
        angle = np.radians(-40 + 95 * part)
        x = 72 + 46 * np.cos(angle) + 6 * part
        y = 64 + 43 * np.sin(angle) + 8 * part
        wide = 3 + 11 * part**2
        shade = canvas.around((x, y))[0] / wide
        disc = canvas.ellipse((x, y), wide)
        canvas.paint(disc, mix(_LIGHT, _DARK, np.clip(np.abs(shade + 0.35), 0, 1)))


def _valve(canvas: Canvas, x: float, y: float) -> None:
    canvas.paint(canvas.ellipse((x, y), 6.6), (70, 42, 10))
    brass = canvas.down(_LIGHT, (150, 98, 30), y - 6, y + 6)
    canvas.paint(canvas.ellipse((x, y), 5.8), brass)
    canvas.paint(canvas.ellipse((x, y), 3), (110, 70, 20))
    canvas.paint(canvas.ellipse((x - 0.6, y - 0.6), 2.2), (250, 236, 190))


def _bell(canvas: Canvas) -> None:
    """The bell's mouth, which looks at us from the right below."""
    u, v = canvas.around((110, 112), 35)
    far, turn = np.hypot(u / 42, v / 35), np.arctan2(v / 35, u / 42)
    gleam = 0.5 + 0.5 * np.cos(2 * turn + 0.6) * np.cos(turn - 2.2)
    light = np.clip(0.15 + 0.9 * gleam * far, 0, 1)
    brass = mix((120, 74, 20), (250, 214, 120), light)
    brass = mix((24, 12, 6), brass, np.clip((far - 0.12) / 0.35, 0, 1))
    canvas.paint(far < 1.04, (70, 42, 10))
    canvas.paint(far < 1, brass)
    for place, width, part in ((-2.3, 0.22, 0.8), (0.7, 0.3, 0.56)):
        streak = (far < 0.97) * far**2 * np.exp(-(((turn - place) / width) ** 2))
        canvas.paint(streak, (255, 246, 212), part)
    rim = mix((255, 240, 180), (150, 98, 30), np.clip(0.5 + (u + v) / 90, 0, 1))
    canvas.paint((far > 0.95) & (far < 1), rim)
