"""Which shape a network has for pictures of a size."""

import pytest

from keras_dynres import data
from keras_dynres.errors import DynresError


@pytest.mark.parametrize(
    ("picture", "lengths", "expected"),
    [
        ((480, 640), (800, 1333), (800, 1088)),
        ((640, 480), (800, 1333), (1088, 800)),
        ((480, 640), (1000, 1667), (1024, 1344)),
        # The longer side decides: 400 x 1333.
        ((300, 1000), (800, 1333), (416, 1344)),
    ],
)
def test_the_shorter_side_has_a_length_unless_the_longer_is_too_long(
    picture, lengths, expected
):
    assert data.shorter_side(picture, *lengths) == expected


def test_lengths_are_numbers_above_zero():
    with pytest.raises(DynresError, match=r"picture=\(0, 640\)"):
        data.shorter_side((0, 640))
