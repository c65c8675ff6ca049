import numpy as np
import pytest

from keras_dynres import DynresError, Instance, Menu
from keras_dynres.evaluation import contact_sheet, cost_groups, predictions

NAMES = ["p1@0.5", "p2@0.5", "p3@0.5", "full", "above"]
MENU = Menu(Instance(n, macs=2 * i + 2, flops=5 * i + 4) for i, n in enumerate(NAMES))


class Column:
    """Answers with one instance's logits, carried in the images themselves."""

    def __init__(self, index):
        self.index = index

    def predict_on_batch(self, images):
        return images[:, self.index, :, 0]


@pytest.fixture
def outcome():
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(60, len(NAMES), 6, 1)).astype("float32")
    labels = rng.integers(0, 6, 60)
    # Right more often than by chance, or the groups would be bare.
    logits[np.arange(60), :, labels, 0] += 1.2
    models = {name: Column(i) for i, name in enumerate(NAMES)}
    return predictions(models, (logits, labels), verbose=0), (logits, labels)


@pytest.mark.parametrize("k", [1, 3])
def test_groups_by_brute_force(outcome, k):
    seen, (logits, labels) = outcome
    groups = cost_groups(seen, MENU, k=k, cost="macs")
    # "above" costs more than the full network: it saves nothing.
    assert groups.names == tuple(NAMES[:4]) and groups.costs == (2, 4, 6, 8)
    counts, lost = dict.fromkeys(groups.names, 0), 0
    for image, label in enumerate(labels):
        right = [
            label in np.argsort(-logits[image, i, :, 0])[:k]
            for i in range(len(groups.names))
        ]
        if right[-1]:
            counts[NAMES[right.index(True)]] += 1
            assert image in groups.images(NAMES[right.index(True)])
        else:
            assert groups.groups[image] == -1
            lost += any(right)
        assert groups.only_cheaper[image] == (any(right) and not right[-1])
    assert groups.counts == counts
    assert str(groups).endswith(f"cheaper instance: {lost}.")
    assert groups.table().splitlines()[-1].split()[4] == str(60 - sum(counts.values()))


def test_fewer_groups_and_order_do_not_depend_on_how_they_are_named(outcome):
    seen, _ = outcome
    some = cost_groups(seen, MENU, instances=["full", "p2@0.5"])
    assert some.names == ("p2@0.5", "full")
    right = seen.correct("full") & seen.correct("p2@0.5")
    np.testing.assert_array_equal(some.images("p2@0.5"), np.flatnonzero(right))


def test_bad_input_gets_a_sentence(outcome):
    seen, _ = outcome
    with pytest.raises(DynresError, match="lacks. Did you mean 'flops'"):
        cost_groups(seen, MENU, cost="latency_ms")
    with pytest.raises(DynresError, match="Did you mean 'p2@0.5'"):
        cost_groups(seen, MENU, instances=["p2@0.55"])
    with pytest.raises(DynresError, match="full instance"):
        only = predictions({"p1@0.5": Column(0)}, outcome[1], verbose=0)
        cost_groups(only, MENU)
    with pytest.raises(DynresError, match="Did you mean 'p1@0.5'"):
        cost_groups(seen, MENU).images("p1@0.4")


def test_contact_sheet_shows_each_image_in_its_group(outcome, tmp_path):
    seen, (_, labels) = outcome
    groups = cost_groups(seen, MENU)
    # Each picture is one grey that tells its position in the data.
    pictures = np.ones((60, 4, 4, 3), "float32") * np.arange(60)[:, None, None, None]
    names = [f"kind {i}" for i in range(6)]
    batches = [(pictures[i : i + 7], labels[i : i + 7]) for i in range(0, 60, 7)]
    path = tmp_path / "sheet.png"
    figure = contact_sheet(groups, batches, path, names, per_group=3)
    assert path.read_bytes().startswith(b"\x89PNG")
    shown = [n for n, count in groups.counts.items() if count]
    assert len(figure.subfigs) == len(shown)
    for band, name in zip(figure.subfigs, shown, strict=True):
        assert band.get_suptitle().startswith(name)
        drawn = [a for a in band.axes if a.images]
        assert len(drawn) == min(3, groups.counts[name])
        for axes in drawn:
            index = round(float(axes.images[0].get_array().mean()) * 255)
            assert index in groups.images(name)
            assert axes.get_xlabel() == names[labels[index]]
    with pytest.raises(DynresError, match="7 images instead of 60"):
        contact_sheet(groups, batches[:1])


def test_contact_sheet_undoes_the_preprocessing(outcome):
    seen, (_, labels) = outcome
    pixels = np.random.default_rng(0).uniform(size=(60, 4, 4, 1)).astype("float32")
    statistics = {"mean": [0.4], "std": [0.2], "scale": 255}
    groups = cost_groups(seen, MENU, instances=["full"])
    figure = contact_sheet(
        groups, ((pixels - 0.4) / 0.2, labels), per_group=1, preprocessing=statistics
    )
    drawn = figure.subfigs[0].axes[0].images[0].get_array()
    assert min(abs(pixels[..., 0] - drawn).max(axis=(1, 2))) < 1e-6


def test_costs_that_depend_on_the_image_are_the_average_ones(outcome):
    seen, data = outcome
    menu = Menu(
        Instance(i.name, macs=i.macs, flops=i.flops, average=average)
        for i, average in zip(
            MENU, ({}, {}, {"macs": 3.0, "macs_spread": 1.0}, {}, {}), strict=True
        )
    )
    groups = cost_groups(seen, menu, cost="macs")
    assert groups.names == ("p1@0.5", "p3@0.5", "p2@0.5", "full")
    assert groups.costs == (2, 3, 4, 8) and groups.averages == ("p3@0.5",)
    assert groups.price("p3@0.5") == "3 on average"
    assert groups.table().count("on average") == 1
    figure = contact_sheet(groups, data, instances=["p3@0.5"])
    assert "3 on average MACs" in figure.subfigs[0].get_suptitle()


def test_maps_are_refused_and_outputs_named(two_headed, data, map_labels):
    answers = {"classes": data[1], "pixels": map_labels}
    maps = predictions(two_headed, (data[0], answers), output="pixels", verbose=0)
    with pytest.raises(DynresError, match=r"one answer an image.*\(21, 8, 8\)"):
        cost_groups(maps, two_headed.menu)
    both = data[0], answers
    seen = predictions(two_headed, both, output="classes", verbose=0)
    groups = cost_groups(seen, two_headed.menu, k=4)
    sheet = contact_sheet(groups, both, per_group=2, output="classes")
    captions = {axes.get_xlabel() for axes in sheet.subfigs[0].axes if axes.images}
    assert captions <= {f"class {label}" for label in data[1]} and captions
    with pytest.raises(DynresError, match="several labels"):
        contact_sheet(groups, both)
    with pytest.raises(DynresError, match="class indices or one-hot rows"):
        contact_sheet(groups, both, output="pixels")
