"""Checkpoints of any MSDNet: what they are of is told by their shapes alone."""

from pathlib import Path

import msdnet_names
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import zoo
from keras_dynres.errors import DynresError
from keras_dynres.zoo.importing import checkpoint, msdnet
from keras_dynres.zoo.importing.contents import contents
from keras_dynres.zoo.importing.msdnet_options import options_of

FIXTURES = Path(__file__).parents[1] / "fixtures"
SMALL = {"channels": 8, "growth": 4, "head": 16}
NETS = [
    {"steps": (4, *(2,) * 6)},  # The published code's own anytime network.
    {"steps": (1, 2, 3, 4)},
    {"steps": (1, 2, 3), **SMALL, "classes": 7},
    {"steps": (1, 2, 3), **SMALL, "prune": "min"},
    {"steps": (2, 4), "prune": "min", "reduction": 0.0},
    {"steps": (3, 2), "reduction": 0.35, "bottlenecks": (2, 3, 1)},
    {"steps": (2, 2, 2), "factors": (1, 2, 3, 6), "bottlenecks": (2, 2, 4, 4)},
    {"steps": (1, 1, 1), "factors": (1, 2), "bottlenecks": (1, 2), "prune": "min"},
]


@pytest.fixture(autouse=True)
def fast(no_random_weights):
    pass


class Shaped:
    """A tensor of which the shape alone counts."""

    def __init__(self, shape):
        self.shape, self.ndim = shape, len(shape)
        self.size = int(np.prod(shape))


def shaped(**arguments):
    names = msdnet_names.tensors(**arguments)
    return {name: Shaped(shape) for name, shape in names.items()}


def test_the_names_are_those_of_the_published_code():
    expected = checkpoint.read(FIXTURES / "msdnet_cifar_small.npz")
    names = msdnet_names.tensors((1, 2, 3), channels=8, growth=4)
    assert names == {name: tensor.shape for name, tensor in expected.items()}


@pytest.mark.parametrize("arguments", NETS, ids=str)
def test_what_a_checkpoint_is_of_is_told_by_its_shapes(arguments):
    expected = shaped(**arguments)
    options = options_of(expected)
    assert options["classes"] == arguments.get("classes", 10)
    model = kd.MSDNet(kd.architectures.msdnet(**options))
    wanted = msdnet.wanted(model, **options)
    assert {n: w.shape for n, w in wanted.items()} == {
        n: tensor.shape for n, tensor in expected.items()
    }


def test_published_configurations_are_named():
    assert options_of(shaped(steps=(1, 2, 3, 4)))["configuration"] == "cifar_budget10"
    anytime = options_of(shaped(steps=(4, *(2,) * 10), classes=100))
    assert anytime == {
        "configuration": "cifar_anytime",
        "classes": 100,
        "input_shape": (32, 32, 3),
    }


@pytest.mark.backends
@pytest.mark.parametrize("kind", ["cifar", "imagenet"])
def test_a_file_alone_becomes_a_network_that_is_loaded_from_its_folder(kind, tmp_path):
    path = FIXTURES / f"msdnet_{kind}_small.npz"
    folder = zoo.import_checkpoint(path, out=tmp_path)
    assert folder == tmp_path / f"msdnet_{kind}_small"
    model, card = zoo.load(folder), zoo.card(folder)
    assert card.results["imported_from"]["file"] == path.name
    assert card.network.licence == "unknown"
    assert card.network.dataset == {"cifar": "cifar10"}.get(kind, kind)
    with np.load(path) as fixture:
        images = fixture["input_nchw"].astype("float32").transpose(0, 2, 3, 1)
        for i, exit in enumerate(model.instances):
            logits = np.asarray(model.at(exit)(images, training=False))
            np.testing.assert_allclose(logits, fixture[f"logits/{i}"], atol=1e-4)


def written(path, **arguments):
    draw = np.random.default_rng(0)
    names = msdnet_names.tensors(**arguments)
    np.savez(path, **{n: draw.uniform(0.5, 1, s) for n, s in names.items()})
    return path


def test_a_network_of_other_classes_has_a_data_set_without_a_name(tmp_path):
    path = written(tmp_path / "mine v2.npz", steps=(1, 1), classes=7, **SMALL)
    folder = zoo.import_checkpoint(path)
    assert folder == zoo.config.cache_dir() / "mine_v2"
    network = zoo.card(folder).network
    assert (network.classes, network.labels) == (7, ())
    assert zoo.load(folder).base.outputs[0].shape == (None, 7)


def test_a_name_of_the_zoo_is_left_to_the_zoo(tmp_path):
    path = written(tmp_path / "msdnet_imagenet.npz", steps=(1, 1), **SMALL)
    assert zoo.import_checkpoint(path, out=tmp_path).name == "msdnet_imagenet_imported"


def resnet(blocks, prefix="", convolutions=3):
    return {
        f"{prefix}layer{stage}.{block}.conv{k}.weight": np.ones((1, 1, 1, 1))
        for stage, count in enumerate(blocks, 1)
        for block in range(count)
        for k in range(1, convolutions + 1)
    }


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        (
            {"conv1.weight": 1, "fc.weight": np.ones((9, 2)), **resnet((3, 4, 6, 3))},
            "a ResNet-50 of torchvision, of 9 classes",
        ),
        (
            {"conv1.weight": 1, "fc.weight": np.ones((9, 2)), **resnet([2] * 4, "", 2)},
            "a ResNet-18 of torchvision",
        ),
        (
            {
                "rpn_head.rpn_cls.weight": 1,
                "bbox_head.fc_cls.bias": np.ones(81),
                **resnet((3, 4, 23, 3), "backbone."),
            },
            "a detector of mmdetection over a ResNet-101, of 80 classes",
        ),
        ({"cls_token": 1}, "a vision transformer"),
        ({"a": np.ones((2, 3)), "b": 1}, r"2 tensors, the first 'a' of shape \(2, 3\)"),
        ({}, "no tensor"),
    ],
)
def test_what_else_a_file_holds_is_said(tensors, says, tmp_path):
    path = tmp_path / "net.npz"
    np.savez(path, **{name: np.array(t, "float32") for name, t in tensors.items()})
    with pytest.raises(DynresError, match=f"net.npz' holds {says}") as caught:
        zoo.import_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_shapes_that_are_no_msdnets_are_refused(tmp_path):
    for name, shape in (
        ("blocks.1.0.layers.0.conv_normal.net.3.weight", None),
        ("blocks.0.0.layers.1.net.0.weight", (5, 8, 3, 3)),
        ("classifier.1.m.0.net.0.weight", (17, 32, 3, 3)),
    ):
        tensors = {
            n: np.ones(shape if n == name else s)
            for n, s in msdnet_names.tensors((1, 2), **SMALL).items()
            if shape or n != name
        }
        np.savez(tmp_path / "net.npz", **tensors)
        with pytest.raises(DynresError, match="tensors|tensor "):
            zoo.import_checkpoint(tmp_path / "net.npz", out=tmp_path / "out")
        assert not (tmp_path / "out").exists()
    assert "MSDNet" in contents(tensors)


@pytest.fixture
def small(monkeypatch, server, tmp_path):
    """A network `small` of the zoo, whose checkpoint is on the server."""
    from zoo_networks import add_network

    written(server.root / "small.npz", steps=(1, 1), **SMALL)
    like = zoo.Network.load("msdnet_budget10_cifar10")
    options = {"configuration": "cifar_budget10", "steps": (1, 1), **SMALL}
    network = kd.zoo.Network.from_config(
        {
            **like.get_config(),
            "name": "small",
            "architecture_options": options,
            "checkpoint": f"{server.url}/small.npz",
        }
    )
    add_network(monkeypatch, network, tmp_path)


def test_a_name_alone_fetches_what_its_authors_published(small, server):
    with pytest.raises(DynresError, match="with `keras-dynres import small`, train"):
        zoo.load("small")
    zoo.import_checkpoint("small", verbose=0)
    assert zoo.load("small").instances == ["exit1", "full"]
    origin = zoo.card("small").results["imported_from"]
    assert origin["address"] == f"{server.url}/small.npz"
    folder = zoo.import_checkpoint(f"{server.url}/small.npz", verbose=0)
    assert zoo.load(folder).instances == ["exit1", "full"]
