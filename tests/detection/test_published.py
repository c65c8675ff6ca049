"""The published pipeline, reproduced from its weights, noise and images.

The fixture holds what mmdetection's code made of random weights: boxes there end with
the last pixel, where ours end at its edge.
"""

import keras
import numpy as np
import published_detector
import pytest
from keras import ops

import keras_dynres as kd
from keras_dynres.detection import RegionAlign, levels

LEVELS = (4, 8, 16, 32, 64)


def channels_last(array):
    return np.moveaxis(array, 1, -1)


def edges(boxes):
    """Boxes of first and last pixels as ours, which have edges."""
    return boxes[..., :4] + [0, 0, 1, 1]


@pytest.fixture(scope="module")
def published():
    return published_detector.values()


@pytest.fixture(scope="module")
def seen(published):
    """What each layer gives for the published image, by the layer's name."""
    model = published_detector.loaded(published)
    for place, mask in enumerate(model.masks):
        draws = [channels_last(published[f"uniform_{2 * place + i}"]) for i in (0, 1)]
        mask.uniform = _Draws(draws)
        mask.follow(lambda: 0.03)
        mask.hard = _soft_above_a_half(mask)
    graph = model.at("sampled", training=True)
    named = {}
    for call in kd.graph.calls(graph):
        named.setdefault(call.name, []).extend(call.outputs)
    named = {name: outputs for name, outputs in named.items() if len(outputs) < 6}
    probe = keras.Model(graph.input, named)
    images = channels_last(published["images"])
    values = keras.tree.map_structure(
        ops.convert_to_numpy, probe(images, training=False)
    )
    return {**values, "model": model}


class _Draws:
    """Two draws in turn, however often a graph is traced."""

    def __init__(self, draws):
        self._draws, self._turn = draws, 0

    def __call__(self, shape):
        self._turn += 1
        return ops.convert_to_tensor(self._draws[(self._turn - 1) % 2])


def _soft_above_a_half(mask):
    """The published inference: what is above a half keeps its soft value."""

    def hard(scores, count=None):
        soft = mask.soft(scores, count)
        return soft * ops.cast(soft >= 0.5, soft.dtype)

    return hard


def near(array, wanted, atol=1e-4):
    np.testing.assert_allclose(array, wanted, rtol=0, atol=atol)


@pytest.mark.backends
def test_backbone_and_pyramid(published, seen):
    for stage, block in enumerate((1, 1, 2, 1), 1):
        (features,) = seen[f"stage{stage}_block{block}_relu"]
        near(features, channels_last(published[f"backbone/stage{stage}"]))
    names = [*(f"pyramid_conv{n}" for n in (1, 2, 3, 4)), "pyramid_pool4"]
    for name, stride in zip(names, LEVELS, strict=True):
        near(seen[name][0], channels_last(published[f"fpn/stride{stride}"]))


def test_anchors_and_objectness(published, seen):
    (rows,) = seen["anchor_rows"]
    anchors = [published[f"anchors/stride{stride}"] for stride in LEVELS]
    near(rows[0, :, :4], edges(np.concatenate(anchors)), atol=0)
    for logits, stride in zip(seen["anchors_objectness"], LEVELS, strict=True):
        near(logits, channels_last(published[f"rpn/objectness_stride{stride}"]))


@pytest.mark.backends
def test_proposals_box_by_box(published, seen):
    wanted = published["proposals/image0"]
    near(seen["proposals"][0][0], edges(wanted), atol=1e-3)


@pytest.mark.backends
def test_given_regions_are_read_from_their_level(published):
    boxes = edges(published["given_rois/boxes"])[None].astype("float32")
    maps = [channels_last(published[f"fpn/stride{s}"]) for s in LEVELS[:-1]]
    align = RegionAlign(half_pixel=False)
    images = np.zeros((1, *published_detector.SIZE, 3), "float32")
    read = ops.convert_to_numpy(align([images, boxes, maps]))[0]
    near(read, channels_last(published["given_rois/features"]))
    level = ops.convert_to_numpy(align.levels(ops.convert_to_tensor(boxes), 4))[0]
    np.testing.assert_array_equal(level, published["given_rois/levels"])


@pytest.mark.backends
def test_a_doubled_side_is_read_from_the_next_level():
    sides = np.array([1, 111.9, 112, 223.9, 224, 447.9, 448, 2000], "float32")
    regions = np.stack([0 * sides, 0 * sides, sides, sides], axis=1)[None]
    level = ops.convert_to_numpy(RegionAlign().levels(regions, 4))
    assert level.tolist() == [[0, 0, 1, 1, 2, 2, 3, 3]]


def test_features_and_outputs_of_the_head(published, seen):
    (features,) = seen["region_align"]
    near(features[0], channels_last(published["roi_features/image0"]))
    near(seen["head_classes"][0][0], published["head/logits_image0"])
    near(seen["head_deltas"][0][0], published["head/deltas_image0"])


@pytest.mark.backends
def test_detections_box_by_box(published, seen):
    wanted = published["detections/image0"]
    (rows,) = seen["detection_rows"]
    count = len(wanted)
    near(rows[0, :count, :4], edges(wanted), atol=1e-3)
    near(rows[0, :count, 4], wanted[:, 4], atol=1e-5)
    np.testing.assert_array_equal(rows[0, :count, 5], wanted[:, 5])
    assert (rows[0, count:, 5] == -1).all()


def test_the_sparse_loss(published, seen):
    """A quarter for the first mask of a block, the rest for the second, of 0.1."""
    total = 0
    for part in seen["model"].sampled_parts:
        scores = [seen[head.name][0] for head in part.heads.values()]
        logits = np.concatenate([s.reshape(-1, s.shape[-1]).T for s in scores[:1]])
        if len(scores) > 1:
            logits = [s.ravel() for s in scores]
        first, second = (np.mean(1 / (1 + np.exp(-column))) for column in logits)
        total += 0.25 * first + 0.75 * second
    near(0.1 * total / len(seen["model"].sampled_parts), published["sparse_loss"], 1e-6)


def test_a_level_of_an_odd_size_goes_on_in_its_own_steps():
    assert levels.strides((800, 1344), [(25, 42), (13, 21)])[1] == (64, 64)
