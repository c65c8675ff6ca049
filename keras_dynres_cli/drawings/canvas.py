"""A picture in the making: shapes are masks that colours are painted through."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = 160
# Pixels a side that one pixel of the finished picture is the mean of.
_FINE = 3

Point = tuple[float, float]
Color = Sequence[float] | np.ndarray


class Canvas:
    """A square of `SIZE` units a side; x goes to the right, y down.

    Args:
        seed: Of all that looks random: noise, blades of grass.
    """

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        side = (np.arange(SIZE * _FINE, dtype="float32") + 0.5) / _FINE
        self.x, self.y = np.meshgrid(side, side)
        self._pixels = np.zeros((*self.x.shape, 3), "float32")

    def picture(self) -> np.ndarray:
        """The pixels of 0 to 255, with a camera's faint noise."""
        fine = self._pixels.reshape(SIZE, _FINE, SIZE, _FINE, 3).mean(axis=(1, 3))
        fine += self.random.normal(0, 2.5, fine.shape)
        return np.clip(np.round(fine), 0, 255).astype("uint8")

    # === Shapes ===

    def ellipse(
        self, center: Point, radius: float | Point, angle: float = 0
    ) -> np.ndarray:
        """A disc, stretched and turned (in degrees, clockwise)."""
        u, v = self.around(center, angle)
        wide, high = radius if isinstance(radius, tuple) else (radius, radius)
        return ((u / wide) ** 2 + (v / high) ** 2 < 1).astype("float32")

    def box(self, left: float, top: float, right: float, bottom: float) -> np.ndarray:
        """An upright rectangle."""
        across = (self.x > left) & (self.x < right)
        return (across & (self.y > top) & (self.y < bottom)).astype("float32")

    def rounded(
        self, left: float, top: float, right: float, bottom: float, radius: float
    ) -> np.ndarray:
        """An upright rectangle with round corners."""
        u = np.abs(self.x - (left + right) / 2) - (right - left) / 2 + radius
        v = np.abs(self.y - (top + bottom) / 2) - (bottom - top) / 2 + radius
        corner = np.hypot(np.maximum(u, 0), np.maximum(v, 0))
        return (corner < radius).astype("float32")

    def polygon(self, points: Sequence[Point]) -> np.ndarray:
        """What lies within the points."""
        return self._mask(lambda draw: draw.polygon(_fine(points), fill=255))

    def line(self, points: Sequence[Point], width: float) -> np.ndarray:
        """What lies within half a width of the way along the points."""

        def way(draw):
            draw.line(_fine(points), 255, max(round(width * _FINE), 1), "curve")
            for x, y in _fine((points[0], points[-1])):
                half = width * _FINE / 2
                draw.ellipse((x - half, y - half, x + half, y + half), fill=255)

        return self._mask(way)

    def around(self, center: Point, angle: float = 0) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates about a centre, along axes that are turned clockwise."""
        u, v = self.x - center[0], self.y - center[1]
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        return u * cos + v * sin, v * cos - u * sin

    def soft(self, mask: np.ndarray, radius: float) -> np.ndarray:
        """A mask out of focus: shadows, distant things."""
        image = Image.fromarray((255 * mask).astype("uint8"))
        image = image.filter(ImageFilter.GaussianBlur(radius * _FINE))
        return np.asarray(image, "float32") / 255

    def noise(self, size: float | Point, octaves: int = 1) -> np.ndarray:
        """Smooth noise of mean 0 and deviation 1 whose lumps have this size."""
        wide, high = size if isinstance(size, tuple) else (size, size)
        total = np.zeros_like(self.x)
        for octave in range(octaves):
            cells = [int(SIZE * 2**octave / s) + 2 for s in (high, wide)]
            coarse = Image.fromarray(self.random.normal(size=cells).astype("float32"))
            smooth = coarse.resize(self.x.shape, Image.Resampling.BICUBIC)
            total += 0.5**octave * np.asarray(smooth)
        return (total - total.mean()) / total.std()

    # === Colours ===

    def paint(self, mask: np.ndarray | float, color: Color, part: float = 1) -> None:
        """Lays a colour, or a colour for each pixel, over a shape."""
        cover = part * np.asarray(mask, "float32")[..., None]
        self._pixels += cover * (np.asarray(color, "float32") - self._pixels)

    def down(
        self, top: Color, bottom: Color, start: float = 0, end: float = SIZE
    ) -> np.ndarray:
        """A colour for each pixel, from one at the height `start` to another."""
        return mix(top, bottom, np.clip((self.y - start) / (end - start), 0, 1))

    def across(
        self, left: Color, right: Color, start: float = 0, end: float = SIZE
    ) -> np.ndarray:
        """The same from left to right."""
        return mix(left, right, np.clip((self.x - start) / (end - start), 0, 1))

    def tube(
        self, points: Sequence[Point], width: float, dark: Color, light: Color
    ) -> None:
        """Paints a round bar along the points, lit from above on the left."""
        for step in np.linspace(0, 1, 6):
            shift = -0.22 * width * step
            moved = [(x + shift, y + shift) for x, y in points]
            color = mix(dark, light, np.float32(step**1.5))
            self.paint(self.line(moved, width * (1 - 0.85 * step)), color)

    def strokes(self, strokes: Sequence[tuple[Sequence[Point], float, Color]]) -> None:
        """Paints many thin lines: points, width and colour of each."""
        image = Image.fromarray(np.clip(self._pixels, 0, 255).astype("uint8"))
        draw = ImageDraw.Draw(image)
        for points, width, color in strokes:
            color = tuple(int(np.clip(c, 0, 255)) for c in color)
            draw.line(_fine(points), color, max(round(width * _FINE), 1))
        self._pixels = np.array(image, "float32")

    def fur(
        self, mask: np.ndarray, angle: np.ndarray | float, length: float, count: int
    ) -> None:
        """Combs what is painted within a shape into hairs.

        Args:
            mask: The shape.
            angle: Where hairs lie, in radians clockwise from the right.
            length: How long they are.
            count: How many.
        """
        rows, columns = np.nonzero(mask > 0.5)
        angle = np.broadcast_to(angle, self.x.shape)
        strokes = []
        for place in self.random.integers(len(rows), size=count):
            row, column = rows[place], columns[place]
            x, y, way = self.x[row, column], self.y[row, column], angle[row, column]
            way = way + self.random.normal(0, 0.22)
            reach = length * self.random.uniform(0.5, 1.2)
            curl = way + self.random.normal(0, 0.35)
            middle = (x + 0.5 * reach * np.cos(way), y + 0.5 * reach * np.sin(way))
            end = (
                middle[0] + 0.5 * reach * np.cos(curl),
                middle[1] + 0.5 * reach * np.sin(curl),
            )
            color = self._pixels[row, column] * self.random.normal(1, 0.14)
            strokes.append(([(x, y), middle, end], 0.5, color))
        self.strokes(strokes)

    def blur(self, radius: float, mask: np.ndarray | float = 1.0) -> None:
        """Takes what is painted so far out of focus."""
        image = Image.fromarray(np.clip(self._pixels, 0, 255).astype("uint8"))
        image = image.filter(ImageFilter.GaussianBlur(radius * _FINE))
        self.paint(mask, np.asarray(image, "float32"))

    def _mask(self, drawing):
        image = Image.new("L", self.x.shape)
        drawing(ImageDraw.Draw(image))
        return np.asarray(image, "float32") / 255


def mix(first: Color, second: Color, part: np.ndarray) -> np.ndarray:
    """From the first colour, where `part` is 0, to the second, where it is 1."""
    first, second = (np.asarray(color, "float32") for color in (first, second))
    return first + np.asarray(part)[..., None] * (second - first)


def arc(center: Point, radius: float | Point, start: float, end: float) -> list[Point]:
    """Points along an ellipse, by angles in degrees, clockwise from the right."""
    wide, high = radius if isinstance(radius, tuple) else (radius, radius)
    angles = np.radians(np.linspace(start, end, 40)).tolist()
    return [
        (center[0] + wide * math.cos(a), center[1] + high * math.sin(a)) for a in angles
    ]


def _fine(points):
    return [(x * _FINE, y * _FINE) for x, y in points]
