"""Pictures of masks, densities and widths; the report that holds them."""

import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import evaluation
from keras_dynres.errors import DynresError, UnknownNameError

MASKS = {"first": (3, 8, 8), "second": (3, 4, 4)}


class Dotted(kd.DynamicModel):
    """Says which points it samples, and computes them all."""

    interpolation_widths = {"first": 2.0, "second": 4.5}

    def define_instances(self):
        return [kd.Instance("full"), kd.Instance("sampled")]

    def sampled_points(self, data, instance):
        if instance == "full":
            return {}
        count = sum(len(x) for x, _ in kd.core.batches.batches(data))
        maps = {
            name: np.zeros((count, *size[1:]), bool) for name, size in MASKS.items()
        }
        maps["first"][:, 0, :4] = True
        maps["second"][0] = True
        return maps


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(3, 16, 16, 3)).astype("float32")


@pytest.fixture
def dotted(small_net):
    return Dotted(small_net(16))


def panels(figure):
    """{title: axes} of a figure's bands."""
    titled = ((a.get_title(), a) for b in figure.subfigs for a in b.axes)
    return [(title, axes) for title, axes in titled if title]


def test_points_are_drawn_where_they_are(dotted, images, tmp_path):
    path = tmp_path / "masks.png"
    figure = evaluation.mask_sheet(dotted, images, path, count=2)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert len(figure.subfigs) == 2
    titles = [title for title, _ in panels(figure)]
    assert titles == ["first\n0.06", "second\n1.00", "first\n0.06", "second\n0.00"]
    dots = panels(figure)[0][1].collections[0].get_offsets()
    # A cell of 2x2 pixels has its middle between them.
    np.testing.assert_allclose(dots, [[0.5, 0.5], [2.5, 0.5], [4.5, 0.5], [6.5, 0.5]])
    assert len(panels(figure)[3][1].collections[0].get_offsets()) == 0


def test_masks_and_data_may_be_chosen(dotted, images):
    figure = evaluation.mask_sheet(
        dotted,
        [(images, np.arange(3))],
        instance="sampled",
        masks=["second"],
        count=1,
        preprocessing={"mean": [0.5] * 3, "std": [0.25] * 3, "scale": 255},
        title="Dots",
    )
    assert [title for title, _ in panels(figure)] == ["second\n1.00"]
    picture = figure.subfigs[0].axes[0].images[0].get_array()
    np.testing.assert_allclose(picture, np.clip(0.5 + 0.25 * images[0], 0, 1))


def test_densities_by_mask(dotted, images, tmp_path):
    path = tmp_path / "densities.svg"
    axes = evaluation.density_plot(dotted, images, path, title="Densities").axes[0]
    assert path.read_text().startswith("<?xml")
    heights = np.asarray(axes.lines[0].get_ydata(), float)
    np.testing.assert_allclose(heights, [1 / 16, 1 / 3])
    assert [label.get_text() for label in axes.get_xticklabels()] == list(MASKS)


def test_widths_over_sparsities(dotted, images, tmp_path):
    figure = evaluation.width_plot(dotted, images, tmp_path / "widths.pdf")
    dots = figure.axes[0].collections[0]
    np.testing.assert_allclose(dots.get_offsets(), [[15 / 16, 2], [2 / 3, 4.5]])
    light, dark = dots.to_rgba(dots.get_array())
    assert light[:3].sum() > dark[:3].sum()


def test_the_report_shows_them_where_the_model_offers_them(dotted, images, tmp_path):
    dotted.menu.record("full", accuracy=0.5)
    model = {"dots": dotted, "others": dotted.menu}
    page = evaluation.report(model, tmp_path / "r.html", data=images).read_text()
    for caption in ("Points that sampled", "Densities of", "Interpolation widths"):
        assert f"<h2>{caption}" in page
    assert page.count("<img") == 3
    other = evaluation.report(dotted.menu, tmp_path / "o.html", data=images)
    assert "<img" not in other.read_text()
    bare = evaluation.report(dotted, tmp_path / "b.html").read_text()
    assert "<img" not in bare


def test_what_has_no_masks_says_so(dotted, dynamic, images, tmp_path):
    path = tmp_path / "masks.png"
    with pytest.raises(DynresError, match="a Pooled, which samples none"):
        evaluation.mask_sheet(dynamic, images, path)
    with pytest.raises(DynresError, match="a Pooled, which has none"):
        evaluation.width_plot(dynamic, images, path)
    with pytest.raises(DynresError, match="'full', which computes all"):
        evaluation.density_plot(dotted, images, path, ["full"])
    with pytest.raises(UnknownNameError, match="Did you mean 'first'"):
        evaluation.mask_sheet(dotted, images, path, masks=["frst"])
    with pytest.raises(DynresError, match="figure format"):
        evaluation.mask_sheet(dotted, images, tmp_path / "masks.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("interpolation", ["rbf", "zeros"])
def test_a_sampled_network_offers_them(images, tmp_path, interpolation):
    base = kd.architectures.resnet(8, (16, 16, 3), classes=4, channels=(4, 8, 8))
    options = {"densities": (0.25,), "interpolation": interpolation}
    model = kd.Sampled(base, blocks=["stage1_block1_add"], **options)
    figure = evaluation.mask_sheet(model, images, instance="d0.25", count=1)
    names = model.blocks["stage1_block1_add"]
    assert [title for title, _ in panels(figure)] == [f"{n}\n0.25" for n in names]
    if interpolation == "rbf":
        assert model.interpolation_widths == dict.fromkeys(names, 3.0)
    else:
        assert model.interpolation_widths == {}
        with pytest.raises(DynresError, match="a Sampled, which has none"):
            evaluation.width_plot(model, images)
    page = evaluation.report(model, tmp_path / "r.html", data=images).read_text()
    assert page.count("<img") == (3 if interpolation == "rbf" else 2)
