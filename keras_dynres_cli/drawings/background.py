"""What lies behind and below the things: sky, grass, trees, chips of wood."""

import numpy as np

from keras_dynres_cli.drawings.canvas import SIZE, Canvas, Color, mix


def sky(
    canvas: Canvas,
    top: Color = (62, 112, 190),
    bottom: Color = (168, 200, 232),
    clouds: float = 0.5,
    end: float = SIZE,
) -> None:
    """A sky that pales downwards, with clouds over about this share of it."""
    canvas.paint(1.0, canvas.down(top, bottom, 0, end))
    if clouds:
        lumps = canvas.noise((60, 28), octaves=5)
        cover = np.clip((lumps - 1.2 + 2.4 * clouds) / 1.6, 0, 1) ** 1.3
        shade = np.clip(0.4 + 0.3 * canvas.noise((30, 14), octaves=3), 0, 1)
        canvas.paint(cover, mix((250, 250, 252), (206, 212, 222), shade), 0.9)


def grass(
    canvas: Canvas,
    top: float,
    color: Color = (84, 122, 44),
    blade: float = 9,
    count: int = 4500,
) -> None:
    """A meadow from a height down; blades are larger the nearer they are."""
    lumps = canvas.noise((30, 10), octaves=4)
    ground = np.asarray(color) * (0.8 + 0.12 * np.clip(lumps, -2, 2))[..., None]
    canvas.paint(canvas.y > top, ground)
    random = canvas.random
    depth = random.random(count) ** 0.8
    order = np.argsort(depth)
    strokes = []
    for near in depth[order]:
        x, y = random.uniform(-5, SIZE + 5), top + near * (SIZE + blade - top)
        length = blade * (0.15 + 0.85 * near) * random.uniform(0.5, 1.2)
        lean = random.normal(0, 0.35) * length
        light = random.normal(1, 0.24) + 0.1 * near
        tint = np.asarray(color) * light + random.normal(0, 6, 3)
        points = [(x, y), (x + 0.4 * lean, y - 0.6 * length), (x + lean, y - length)]
        strokes.append((points, 0.25 + 0.9 * near * blade / 14, tint))
    canvas.strokes(strokes)


def trees(
    canvas: Canvas,
    base: float,
    height: float,
    color: Color = (48, 72, 34),
) -> None:
    """A hedge of distant trees that stands on a height."""
    crest = canvas.noise((26, 400), octaves=3)[:1]
    inside = canvas.y > base - height * (1 + 0.28 * crest)
    inside &= canvas.y < base
    leaves = canvas.noise(5, octaves=4)
    shade = 0.85 + 0.25 * np.clip(leaves, -2, 2)
    canvas.paint(inside, np.asarray(color) * shade[..., None])


def crumbs(
    canvas: Canvas, top: float, colors: list[Color], count: int = 2500, size: float = 4
) -> None:
    """Chips strewn over the ground from a height down."""
    random = canvas.random
    strokes = []
    for y in np.sort(random.uniform(top, SIZE + size, count)):
        x, angle = random.uniform(0, SIZE), random.uniform(0, np.pi)
        near = 0.3 + 0.7 * (y - top) / (SIZE - top)
        length = size * near * random.uniform(0.4, 1.2)
        end = (x + length * np.cos(angle), y + 0.6 * length * np.sin(angle))
        color = np.asarray(colors[random.integers(len(colors))], "float32")
        color = color * random.normal(0.9, 0.22)
        strokes.append(([(x, y), end], 0.3 * length, color))
    canvas.strokes(strokes)
