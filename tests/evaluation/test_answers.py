"""The sheet of pictures with what instances call them."""

import numpy as np
import pytest

from keras_dynres.errors import DynresError
from keras_dynres.evaluation import answer_sheet

ANSWERS = {
    "d0.1": [[("gas_pump", 0.6), ("tench", 0.3)], [("church", 0.9)], [("church", 0.5)]],
    "full": [[("church", 0.724)], [("church", 1.0)], [("gas_pump", 0.4)]],
}
LABELS = ["church", "church", "gas_pump"]


@pytest.fixture
def images():
    return np.full((3, 8, 6, 3), 100, "uint8")


def words(figure):
    return [[text.get_text() for text in axes.texts] for axes in figure.axes]


def test_each_picture_has_its_label_and_every_answer(images, tmp_path):
    path = tmp_path / "answers.png"
    figure = answer_sheet(images, ANSWERS, LABELS, path, across=2, title="A title")
    first, second, third, empty = words(figure)
    assert first == ["church", "✗ d0.1: gas pump 60 %", "✓ full: church 72 %"]
    assert second == ["church", "✓ d0.1: church 90 %", "✓ full: church 100 %"]
    assert third == ["gas pump", "✗ d0.1: church 50 %", "✓ full: gas pump 40 %"]
    assert empty == []
    right, wrong = (figure.axes[0].texts[i].get_color() for i in (2, 1))
    assert right != wrong
    assert path.stat().st_size > 1000


def test_captions_stand_apart_below_their_pictures(images):
    figure = answer_sheet(images, ANSWERS, LABELS, across=1)
    figure.draw_without_rendering()
    boxes = []
    for axes in figure.axes:
        parts = [axes.images[0], *axes.texts]
        boxes += [part.get_window_extent() for part in parts]
    assert all(low.y1 <= high.y0 for high, low in zip(boxes, boxes[1:], strict=False))
    assert boxes[-1].y0 >= 0


def test_without_labels_nothing_is_right_or_wrong(images):
    figure = answer_sheet(images[:1], {"full": ANSWERS["full"][:1]})
    assert words(figure) == [["full: church 72 %"]]


def test_answers_must_be_of_the_images(images):
    with pytest.raises(DynresError, match="'full': 3"):
        answer_sheet(images[:2], ANSWERS, LABELS)
    with pytest.raises(DynresError, match="'labels': 2"):
        answer_sheet(images, ANSWERS, LABELS[:2])
    with pytest.raises(DynresError, match="'images': 0"):
        answer_sheet([], {})
