"""Pictures of any size become what a network takes; what it gives becomes words."""

import numpy as np
import pytest

from keras_dynres import data, zoo
from keras_dynres.data import augment
from keras_dynres.errors import DynresError

CARD = zoo.Card(zoo.Network.load("resnet14_imagenette"))
DENSE = zoo.Card(zoo.Network.load("fcn14_camvid"))
BOXES = zoo.Card(zoo.Network.load("faster_rcnn14_bccd"))


def picture(height, width, seed=0):
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (height // 10 + 1, width // 10 + 1, 3), "uint8")
    return coarse.repeat(10, axis=0).repeat(10, axis=1)[:height, :width]


@pytest.mark.parametrize("size", [(300, 400), (200, 180), (90, 161)])
def test_pictures_come_as_test_images_come(size):
    pixels = picture(*size)
    wanted = augment.standardise(augment.centre(pixels, 160), data.info("imagenette"))
    got = CARD.preprocess(pixels)
    assert got.dtype == "float32"
    np.testing.assert_allclose(got[0], wanted, atol=1e-3)


@pytest.mark.backends
def test_the_network_s_own_size_is_kept_and_standardised():
    pixels = picture(160, 160)
    rule = CARD.network.preprocessing
    wanted = (pixels / 255 - np.array(rule["mean"])) / np.array(rule["std"])
    np.testing.assert_allclose(CARD.preprocess(pixels)[0], wanted, atol=1e-5)


def test_a_list_may_mix_sizes_and_grey():
    one, two = picture(200, 300), picture(160, 160)[..., 0]
    got = CARD.preprocess([one, two])
    np.testing.assert_array_equal(got[0], CARD.preprocess(one)[0])
    np.testing.assert_array_equal(got[1], CARD.preprocess(two[..., None])[0])


def test_images_that_are_kept_at_one_size_come_without_a_margin():
    small = zoo.Card(zoo.Network.load("sdpoint_wrn16_2_cifar10"))
    pixels = np.zeros((64, 96, 3), "uint8")
    pixels[:, 16:80] = 255
    got = small.preprocess(pixels)
    assert got.shape == (1, 32, 32, 3)
    assert got[0, 1:-1, 1:-1].min() > 1.9  # White alone: the middle, all of its height.


def test_of_maps_and_boxes_all_is_seen():
    pixels = np.full((480, 320, 3), 200, "uint8")
    got = DENSE.preprocess(pixels)[0]
    assert got.shape == (240, 320, 3)
    rule = DENSE.network.preprocessing
    filled = (200 / 255 - np.array(rule["mean"])) / np.array(rule["std"])
    np.testing.assert_allclose(
        got[:, :160], np.broadcast_to(filled, (240, 160, 3)), 1e-4
    )
    # In the mean colour, which a pixel holds as whole numbers, in test images too.
    mean = np.array(rule["mean"])
    colour = (np.round(255 * mean) / 255 - mean) / np.array(rule["std"])
    wanted = np.broadcast_to(colour, (240, 160, 3))
    np.testing.assert_allclose(got[:, 160:], wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("pictures", "says"),
    [
        ([], "At least one picture"),
        (np.zeros((4, 4, 2)), r"shape \(4, 4, 2\)"),
        (np.full((4, 4, 3), np.nan), "numbers of 0 to 255.*nan"),
        (np.full((4, 4, 3), 0.5), "not standardised yet.*from 0.5 to 0.5"),
        (np.array(["a"]), "A picture has pixels"),
        (np.full((4, 4, 3), -3), "from -3 to -3"),
    ],
)
def test_what_is_no_picture_gets_one_sentence(pictures, says):
    with pytest.raises(DynresError, match=says):
        CARD.preprocess(pictures)


def test_logits_become_labels_and_probabilities():
    logits = np.log([[0.5, 0.2, 0.3, *[1e-9] * 7]])
    ((first, second),) = CARD.decode(logits, top=2)
    assert (first[0], second[0]) == ("tench", "cassette_player")
    assert first[1] == pytest.approx(0.5) and second[1] == pytest.approx(0.3)
    assert len(CARD.decode(logits)[0]) == 5


def test_maps_become_shares_of_the_picture():
    logits = np.zeros((1, 2, 2, 11))
    logits[..., 3] = 1
    logits[0, 0, 0, 0] = 5
    assert DENSE.decode({"map": logits}) == [[("road", 0.75), ("sky", 0.25)]]


def test_boxes_become_objects():
    outputs = {
        "boxes": np.arange(12.0).reshape(1, 3, 4),
        "scores": np.array([[0.5, 0.9, 0.99]]),
        "classes": np.array([[1, 2, 0]]),
        "count": np.array([2]),
    }
    assert BOXES.decode(outputs) == [
        [
            ("platelets", 0.9, (4.0, 5.0, 6.0, 7.0)),
            ("white_cell", 0.5, (0.0, 1.0, 2.0, 3.0)),
        ]
    ]
    assert len(BOXES.decode(outputs, top=1)[0]) == 1


@pytest.mark.parametrize(
    ("card", "outputs", "says"),
    [
        (CARD, np.zeros((1, 9)), r"a row of 10 logits.*\(1, 9\)"),
        (DENSE, np.zeros((1, 11)), "a map of 11 logits"),
        (BOXES, np.zeros((1, 4)), "a dict with boxes"),
        (CARD, np.full((1, 10), np.nan), "NaN"),
    ],
)
def test_another_network_s_outputs_get_one_sentence(card, outputs, says):
    with pytest.raises(DynresError, match=says):
        card.decode(outputs)
    with pytest.raises(DynresError, match="top is 1 at least"):
        card.decode(outputs, top=0)


def test_from_a_picture_to_a_word_by_any_instance():
    model = zoo.load("resnet14_imagenette")
    answers = model.at("full").predict_on_batch(CARD.preprocess(picture(200, 200)))
    (best,) = CARD.decode(answers, top=1)
    assert best[0][0] == CARD.network.labels[int(answers[0].argmax())]
