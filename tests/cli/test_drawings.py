"""Drawings: whom they are for, that they stay the same, that they are recognised."""

import numpy as np
import pytest

from keras_dynres import data, zoo
from keras_dynres_cli import drawings

LABELS = data.labels.labels("imagenette")


@pytest.fixture(scope="module")
def drawn():
    return drawings.of_classes(LABELS)


def test_a_dozen_show_every_class_of_imagenette(drawn):
    assert len(drawn) == 12
    assert {drawing.label for drawing in drawn} == set(LABELS)
    assert {d.pixels.shape for d in drawn} == {(160, 160, 3)}
    assert {d.pixels.dtype for d in drawn} == {np.dtype("uint8")}
    for i, drawing in enumerate(drawn):
        rest = [other.pixels.astype("float32") for other in drawn[i + 1 :]]
        assert all(np.abs(drawing.pixels - other).mean() > 20 for other in rest)


def test_a_drawing_is_the_same_each_time(drawn):
    for again in drawings.of_classes(["English springer", "golf_ball"]):
        name = again.label.replace(" ", "_")
        (first,) = (d.pixels for d in drawn if d.label == name)
        assert (again.pixels == first).all()


def test_labels_are_the_networks_own():
    assert drawings.of_classes(data.labels.labels("cifar10")) == []
    (ball,) = drawings.of_classes(["dog", "golf ball"])
    assert ball.label == "golf ball"


def test_a_network_trained_on_photographs_recognises_them(drawn):
    card, model = (f("resnet14_imagenette") for f in (zoo.card, zoo.load))
    images = card.preprocess([drawing.pixels for drawing in drawn])
    answers = card.decode(model.at("full").predict(images, verbose=0), top=1)
    pairs = zip(answers, drawn, strict=True)
    right = [answer == drawing.label for ((answer, _),), drawing in pairs]
    assert sum(right) >= 10
