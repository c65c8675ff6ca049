"""A golf ball."""

import numpy as np

from keras_dynres_cli.drawings import background
from keras_dynres_cli.drawings.canvas import Canvas, Point

_DIMPLES = 330


def in_grass() -> np.ndarray:
    """A ball that lies in the grass, from near."""
    canvas = Canvas(1)
    canvas.paint(1.0, canvas.down((30, 52, 22), (70, 104, 40), 0, 80))
    background.grass(canvas, 20, (78, 118, 42), blade=16, count=3500)
    canvas.blur(1.6, canvas.y < 75)
    canvas.paint(canvas.soft(canvas.ellipse((86, 122), (56, 20)), 6), (14, 24, 8), 0.8)
    _ball(canvas, (80, 82), 46)
    _blades(canvas)
    return canvas.picture()


def _ball(canvas: Canvas, center: Point, radius: float) -> None:
    """A white sphere with dimples, lit from above on the left."""
    u, v = (part / radius for part in canvas.around(center))
    inside = u**2 + v**2 < 1
    normal = np.stack([u[inside], v[inside]], axis=-1)
    depth = np.sqrt(1 - (normal**2).sum(axis=-1, keepdims=True))
    normal = np.concatenate([normal, depth], axis=-1)
    # Points spread evenly over the sphere, by the golden angle.
    rank = np.arange(_DIMPLES) + 0.5
    height, turn = 1 - 2 * rank / _DIMPLES, np.pi * (1 + 5**0.5) * rank
    ring = np.sqrt(1 - height**2)
    middle = np.stack([ring * np.cos(turn), height, ring * np.sin(turn)], axis=-1)
    near = normal @ middle.T.astype("float32")
    nearest = middle[near.argmax(axis=-1)]
    angle = np.arccos(np.clip(near.max(axis=-1), -1, 1))
    hollow = np.clip(1 - (angle / (1.75 / _DIMPLES**0.5)) ** 2, 0, 1)[:, None]
    dented = normal + 4.2 * hollow * (nearest - normal)
    dented /= np.linalg.norm(dented, axis=-1, keepdims=True)
    light = np.array([-0.45, -0.68, 0.58])
    bright = np.clip(dented @ light, 0, 1)
    shine = np.clip(dented @ np.array([-0.27, -0.4, 0.87]), 0, 1) ** 30
    grey = 82 + 158 * bright + 40 * shine
    shading = np.zeros((*u.shape, 3), "float32")
    shading[inside] = grey[:, None] * np.array([1, 1, 0.97])
    # Grass reflects on what is turned to it.
    shading[inside] += np.clip(normal[:, 1:2], 0, 1) * np.array([-24, -4, -40])
    canvas.paint(inside, shading)


def _blades(canvas: Canvas) -> None:
    """Grass in front of the ball."""
    random = canvas.random
    strokes = []
    for _ in range(400):
        x, y = random.uniform(0, 160), random.uniform(128, 172)
        length, lean = random.uniform(10, 26), random.normal(0, 6)
        tint = np.array([92, 138, 48]) * random.normal(1, 0.25)
        points = [(x, y), (x + 0.3 * lean, y - 0.6 * length), (x + lean, y - length)]
        strokes.append((points, random.uniform(0.6, 1.6), tint))
    canvas.strokes(strokes)
