"""Churches: a white wooden one, and one of stone."""

import numpy as np

from keras_dynres_cli.drawings import background
from keras_dynres_cli.drawings.canvas import Canvas, Color, arc

_WHITE, _GLASS = (242, 242, 238), (34, 40, 52)
_FRAME = (224, 206, 166)


def wooden() -> np.ndarray:
    """A white wooden church with a steeple, on a lawn."""
    canvas = Canvas(5)
    background.sky(canvas, (52, 104, 186), (176, 206, 234), clouds=0.35, end=120)
    background.trees(canvas, 134, 36, (52, 78, 38))
    background.grass(canvas, 132, (86, 126, 48), blade=5)
    _nave(canvas)
    _steeple(canvas)
    path = canvas.polygon([(56, 142), (68, 142), (84, 160), (46, 160)])
    gravel = 1 + 0.1 * canvas.noise(3, 3)
    canvas.paint(path, np.array([186, 178, 160]) * gravel[..., None])
    return canvas.picture()


def _nave(canvas: Canvas) -> None:
    """The white church seen from its corner: its front in light, its side in shade."""
    side = canvas.polygon([(88, 82), (146, 90), (146, 134), (88, 140)])
    canvas.paint(side, canvas.across((196, 202, 212), (168, 174, 188), 88, 146))
    canvas.paint(side * ((canvas.y * 0.5) % 1 < 0.16), (140, 148, 160), 0.5)
    roof = canvas.polygon([(62, 54), (126, 60), (150, 92), (90, 84)])
    canvas.paint(roof, canvas.down((100, 100, 106), (58, 60, 68), 54, 92))
    front = canvas.polygon([(34, 84), (62, 52), (90, 84), (90, 140), (34, 136)])
    canvas.paint(front, canvas.across(_WHITE, (222, 224, 226), 34, 90))
    canvas.paint(front * ((canvas.y * 0.5) % 1 < 0.14), (190, 194, 200), 0.55)
    for x in (100, 115, 130):
        _window(canvas, x, 101 + (x - 100) * 0.05, 7, 22, _GLASS, _WHITE)
    for x in (41, 75):
        _window(canvas, x, 98, 8, 24, _GLASS, _WHITE)
    for x in (33, 91):
        canvas.paint(canvas.line([(62, 51), (x, 87)], 2.4), (74, 76, 84))


def _steeple(canvas: Canvas) -> None:
    """The white church's tower, which stands before its front."""
    trim = (214, 216, 220)
    _boards(canvas, 50, 44, 74, 139)
    _boards(canvas, 52, 24, 72, 44)
    canvas.paint(canvas.box(48, 42, 76, 45), trim)
    canvas.paint(canvas.box(50, 22, 74, 25), trim)
    _window(canvas, 58, 28, 8, 15, _GLASS, _WHITE)
    _window(canvas, 58, 56, 8, 18, _GLASS, _WHITE)
    spire = canvas.polygon([(51, 23), (73, 23), (62, -4)])
    canvas.paint(spire, canvas.across((110, 112, 120), (58, 60, 70), 54, 68))
    door = canvas.box(55, 104, 69, 139)
    door = np.maximum(door, canvas.polygon(arc((62, 105), (7, 9), 180, 360)))
    canvas.paint(door, (92, 44, 34))
    canvas.paint(canvas.box(61.5, 98, 62.5, 139), (50, 22, 18))
    canvas.paint(canvas.box(46, 139, 78, 142), (160, 158, 152))


def _boards(
    canvas: Canvas, left: float, top: float, right: float, bottom: float
) -> None:
    """A white wall of boards, the right third in shade."""
    corner = left + 0.68 * (right - left)
    wall = canvas.box(left, top, right, bottom)
    canvas.paint(wall, _WHITE)
    canvas.paint(canvas.box(corner, top, right, bottom), (178, 184, 196))
    canvas.paint(wall * ((canvas.y * 0.5) % 1 < 0.15), (150, 156, 166), 0.4)


def stone() -> np.ndarray:
    """A stone church with a battlemented tower."""
    canvas = Canvas(6)
    background.sky(canvas, (40, 86, 170), (142, 182, 224), clouds=0.12, end=130)
    background.trees(canvas, 138, 30, (44, 64, 34))
    light, dark = (206, 184, 140), (128, 110, 84)
    canvas.paint(
        canvas.polygon([(66, 84), (132, 84), (142, 104), (66, 104)]),
        canvas.down((128, 104, 88), (92, 74, 64), 84, 104),
    )
    _stones(canvas, (66, 104, 142, 138), light, (176, 154, 116))
    for x in (82, 101, 120):
        _window(canvas, x, 113, 9, 20, _GLASS, _FRAME)
    for x in (76, 95, 114, 134):
        _stones(canvas, (x, 106, x + 4, 139), (214, 192, 150), dark)
    _stones(canvas, (28, 30, 72, 139), light, dark)
    for x in (28, 39, 50, 61):
        _stones(canvas, (x, 23, x + 7, 31), light, (150, 130, 100))
    for x in (26, 68):
        _stones(canvas, (x, 34, x + 7, 139), (214, 192, 150), dark)
        canvas.paint(
            canvas.polygon([(x, 35), (x + 7, 35), (x + 3.5, 6)]),
            canvas.across((200, 180, 140), dark, x, x + 7),
        )
    for y in (32, 62, 94):
        canvas.paint(canvas.box(26, y, 74, y + 1.6), (110, 96, 74))
    for x in (38, 52):
        _window(canvas, x, 40, 10, 22, _GLASS, _FRAME)
    _window(canvas, 43, 68, 14, 24, _GLASS, _FRAME)
    _window(canvas, 42, 106, 16, 32, (58, 36, 26), _FRAME)
    background.grass(canvas, 137, (84, 118, 46), blade=5)
    return canvas.picture()


def _stones(canvas: Canvas, edges: tuple, light: Color, dark: Color) -> None:
    """A wall of courses of stone, lit from the left."""
    left, _, right, _ = edges
    course = np.floor(canvas.y / 3.2)
    joint = (canvas.y % 3.2 < 0.5) | ((canvas.x + 2.6 * course) % 5.2 < 0.5)
    tone = np.sin(course * 12.9 + np.floor((canvas.x + 2.6 * course) / 5.2) * 78.2)
    worn = 1 + 0.07 * tone + 0.05 * canvas.noise(8, 4)
    color = canvas.across(light, dark, left, right + 8) * worn[..., None]
    wall = canvas.box(*edges)
    canvas.paint(wall, color)
    canvas.paint(wall * joint, (104, 92, 72), 0.35)


def _window(
    canvas: Canvas,
    left: float,
    top: float,
    wide: float,
    high: float,
    glass: Color,
    frame: Color,
) -> None:
    """A window with a pointed arch."""
    for inset, color in ((-1.2, frame), (0, glass)):
        low, half = top + 0.6 * wide, wide / 2 - inset
        tip = (left + wide / 2, top + inset)
        lower = top + high - inset
        sides = [(left + inset, lower), (left + inset, low)]
        sides += [(left + wide / 2 - 0.62 * half, low - 0.55 * wide * 0.62), tip]
        sides += [(left + wide / 2 + 0.62 * half, low - 0.55 * wide * 0.62)]
        sides += [(left + wide - inset, low), (left + wide - inset, lower)]
        canvas.paint(canvas.polygon(sides), color)
    middle = left + wide / 2
    canvas.paint(canvas.box(middle - 0.35, top + 1, middle + 0.35, top + high), frame)
