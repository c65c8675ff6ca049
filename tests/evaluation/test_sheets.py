"""Pictures of maps and boxes over their images."""

import keras
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import keras_dynres as kd
from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.evaluation import box_sheet, map_sheet
from keras_dynres.evaluation._panels import class_color
from keras_dynres.evaluation.boxes import _free_place

GREY = {"mean": [0.5] * 3, "std": [0.25] * 3, "scale": 255}
NAMES = ["sky", "tall_tree", "road"]
IGNORED = kd.data.IGNORED


class Answer(keras.Model):
    """Says the same of every image."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def call(self, images):
        def repeated(x):
            return keras.ops.repeat(keras.ops.convert_to_tensor(x)[None], 2, axis=0)

        return keras.tree.map_structure(repeated, self.answer)


@pytest.fixture
def images():
    return np.zeros((2, 4, 6, 3), "float32")


@pytest.fixture
def classes():
    """The left half is of the first class, the right one of the last."""
    return np.repeat([[0, 0, 0, 2, 2, 2]], 4, axis=0)


def logits(classes, count=3):
    return np.eye(count, dtype="float32")[classes]


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def legend(figure):
    (entries,) = figure.legends
    return {
        text.get_text(): to_rgb(patch.get_facecolor())
        for text, patch in zip(entries.get_texts(), entries.get_patches(), strict=True)
    }


def shown(axes):
    """What lies on top in a panel."""
    return np.asarray(axes.images[-1].get_array())


# === Maps ===


def test_classes_are_drawn_in_their_colours(images, classes, tmp_path):
    path = tmp_path / "maps.png"
    labels = np.stack([classes, classes])
    labels[0, 0] = IGNORED
    labels[0, 1] = 1
    model = {"cheap": Answer(logits(classes))}
    figure = map_sheet(model, (images, labels), path, NAMES, preprocessing=GREY)
    assert path.read_bytes().startswith(b"\x89PNG")
    # Of three rows that are labelled two are right.
    first, second = "cheap   66.7 % right", "cheap   100.0 % right"
    assert titles(figure) == ["image", "labels", first, "image", "labels", second]
    seen = shown(figure.axes[2])
    for column, kind in ((0, 0), (5, 2)):
        expected = 0.4 * 0.5 + 0.6 * np.array(class_color(kind))
        np.testing.assert_allclose(seen[2, column], expected, atol=1e-6)
    truth = shown(figure.axes[1])
    np.testing.assert_allclose(truth[0], 0.15, atol=1e-6)
    assert list(legend(figure)) == ["sky", "tall tree", "road", "not labelled"]
    assert legend(figure)["road"] == pytest.approx(class_color(2))


def test_a_coarse_map_covers_its_whole_image(images):
    coarse = logits(np.array([[0, 1, 2], [0, 1, 2]]))
    figure = map_sheet(Answer(coarse), images, preprocessing=GREY)
    assert titles(figure)[:2] == ["image", "full"]
    seen = shown(figure.axes[1])
    assert seen.shape == (4, 6, 3)
    np.testing.assert_allclose(seen[:, ::2], seen[:, 1::2])
    assert list(legend(figure)) == ["class 0", "class 1", "class 2"]


def test_instances_are_columns(map_model, data, map_labels):
    images, _ = data
    map_model.calibrate(images, verbose=0)
    figure = map_sheet(
        map_model, (images, map_labels), instances=["pooled", "full"], count=1
    )
    assert [title.split()[0] for title in titles(figure)[2:]] == ["pooled", "full"]
    assert len(map_sheet(map_model, images, count=2).axes) == 4
    with pytest.raises(UnknownNameError, match="'poled'.*Did you mean 'pooled'"):
        map_sheet(map_model, images, instances=["poled"])


def test_one_output_of_several(two_headed, data, map_labels):
    images, rows = data
    labels = {"pixels": map_labels, "classes": rows}
    two_headed.calibrate(images, verbose=0)
    figure = map_sheet(two_headed, (images, labels), output="pixels", count=1)
    assert len(figure.axes) == 3
    with pytest.raises(DynresError, match="say which is meant"):
        map_sheet(two_headed, (images, labels), count=1)
    with pytest.raises(DynresError, match="for each pixel.*of 'full'"):
        map_sheet(two_headed, images, output="classes", count=1)


def test_labels_of_another_size_are_refused(images, classes):
    labels = np.stack([classes, classes])[:, :3]
    with pytest.raises(DynresError, match=r"as large.*\(2, 3, 6\).*\(2, 4, 6, 3\)"):
        map_sheet(Answer(logits(classes)), (images, labels))
    with pytest.raises(DynresError, match="figure format.*'gif'"):
        map_sheet(Answer(logits(classes)), images, "maps.gif")


def test_neighbouring_classes_differ_in_colour():
    colors = np.array([class_color(kind) for kind in range(40)])
    steps = abs(np.diff(colors, axis=0)).sum(axis=1)
    assert steps.min() > 0.25
    assert len(np.unique(colors.round(2), axis=0)) == 40


# === Boxes ===

ROWS = np.array(
    [
        [20, 30, 60, 70, 0.9, 1],
        [50, 40, 90, 80, 0.6, 0],
        [0, 0, 30, 30, 0.2, 2],
        [0, 0, 0, 0, 0, -1],
    ],
    "float32",
)
TRUTH = np.array([[[20, 30, 60, 70, 1], [0, 0, 0, 0, -1]]] * 2, "float32")


@pytest.fixture
def large():
    return np.zeros((2, 96, 128, 3), "float32")


@pytest.fixture
def detector():
    parts = {"boxes": ROWS[:, :4], "scores": ROWS[:, 4], "classes": ROWS[:, 5]}
    return Answer({**parts, "count": np.float32(3)})


def boxes(axes):
    return [(*p.get_xy(), p.get_width(), p.get_height()) for p in axes.patches]


def test_boxes_are_drawn_where_they_are(detector, large, tmp_path):
    path = tmp_path / "boxes.svg"
    data = (large, TRUTH)
    figure = box_sheet(detector, data, path, NAMES, preprocessing=GREY, title="Boxes")
    assert path.read_text().startswith("<?xml")
    assert titles(figure)[:2] == ["labels   1 object", "full   2 objects"]
    truth, seen = figure.axes[:2]
    assert boxes(truth) == [(19.5, 29.5, 40, 40)] and not truth.texts
    assert boxes(seen) == [(19.5, 29.5, 40, 40), (49.5, 39.5, 40, 40)]
    assert [text.get_text() for text in seen.texts] == ["tall tree 0.90", "sky 0.60"]
    assert list(legend(figure)) == ["sky", "tall tree"]
    assert to_rgb(seen.patches[0].get_edgecolor()) == legend(figure)["tall tree"]


def test_rows_do_as_well_and_the_least_score_is_chosen(large):
    figure = box_sheet(Answer(ROWS), large, least_score=0.1, count=1)
    assert titles(figure) == ["full   3 objects"]
    figure = box_sheet(
        {"cheap": Answer({"rows": ROWS, "x": 1.0})}, large, output="rows"
    )
    assert titles(figure) == ["cheap   2 objects"] * 2


def test_images_without_objects(large):
    nothing = np.tile(np.array([0, 0, 0, 0, 0, -1], "float32"), (3, 1))
    figure = box_sheet(Answer(nothing), (large, np.zeros((2, 0, 5))))
    assert titles(figure)[:2] == ["labels   0 objects", "full   0 objects"]
    assert not figure.legends


def test_names_do_not_cover_each_other(large):
    crowd = [[20 + i, 30 + i, 60 + i, 70 + i, 0.9 - i / 100, 1] for i in range(30)]
    figure = box_sheet(Answer(np.array(crowd, "float32")), large, label_names=NAMES)
    axes = figure.axes[0]
    figure.canvas.draw()
    extents = [text.get_window_extent() for text in axes.texts]
    assert 4 <= len(extents) < 30
    for number, one in enumerate(extents):
        assert not any(one.overlaps(other) for other in extents[:number])
        assert axes.get_window_extent().contains(one.x0, one.y0)
        assert axes.get_window_extent().contains(one.x1, one.y1)


def test_a_name_stands_inside_the_picture():
    whole, size = (100, 50), (30, 8)
    assert _free_place((20, 20, 60, 40), size, whole, []) == (20, 12)
    assert _free_place((0, 0, 60, 40), size, whole, []) == (0, 0)
    assert _free_place((90, 20, 130, 40), size, whole, []) == (70, 12)
    assert _free_place((20, 20, 60, 40), size, whole, [(0, 0, 100, 50)]) is None


def test_what_is_no_detector_is_refused(large, detector):
    with pytest.raises(DynresError, match="rows of x1, y1, x2, y2, score and class"):
        box_sheet(Answer(ROWS[:, :5]), large)
    with pytest.raises(DynresError, match=r"rows of x1.*\(2, 2, 4\)"):
        box_sheet(detector, (large, TRUTH[..., :4]))
