"""Published MSDNet checkpoints: names, shapes, and what the network then computes.

The two fixtures were computed by the published PyTorch code: random weights, an image,
each exit's logits.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from zoo_networks import add_network

import keras_dynres as kd
from keras_dynres import zoo
from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.zoo.importing import msdnet

FIXTURES = Path(__file__).parents[1] / "fixtures"
SMALL = {"channels": 8, "growth": 4}
NETS = {
    "cifar": {
        "configuration": "cifar_budget10",
        "steps": (1, 2, 3),
        "input_shape": (32, 32, 3),
        "classes": 10,
        **SMALL,
    },
    "imagenet": {
        "configuration": "imagenet_step4",
        "steps": (2, 2, 2),
        "input_shape": (224, 224, 3),
        "classes": 1000,
        **SMALL,
    },
    "tiny": {
        "configuration": "cifar_budget10",
        "steps": (1, 1),
        "factors": (1, 2),
        "bottlenecks": (1, 2),
        "channels": 4,
        "growth": 2,
        "head": 4,
        "prune": "none",
        "input_shape": (16, 16, 3),
        "classes": 3,
    },
}
NETS["longer"] = {**NETS["tiny"], "steps": (1, 2)}


@pytest.fixture(autouse=True)
def networks(no_random_weights, monkeypatch, tmp_path):
    """The networks above in the zoo."""
    like = zoo.Network.load("msdnet_budget10_cifar10")
    for name, kwargs in NETS.items():
        network = dataclasses.replace(like, name=name, architecture_options=kwargs)
        add_network(monkeypatch, network, tmp_path)


def arrays_of(name, **changed):
    """A checkpoint's tensors, of any values: for what is refused."""
    draw = np.random.default_rng(0)
    options = {**NETS[name], **changed}
    model = kd.MSDNet(kd.architectures.msdnet(**options))
    wanted = msdnet.wanted(model, **options)
    return {k: draw.uniform(0.5, 1, tensor.shape) for k, tensor in wanted.items()}


@pytest.fixture(scope="module")
def tiny():
    return arrays_of("tiny")


@pytest.fixture
def file(tmp_path):
    def file(arrays):
        path = tmp_path / "net.npz"
        np.savez(path, **arrays)
        return path

    return file


@pytest.fixture
def refused(file, tmp_path):
    def refused(arrays, says, name="tiny"):
        with pytest.raises(DynresError, match=says) as caught:
            zoo.import_checkpoint(name, file(arrays))
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "cache").exists()

    return refused


def check_exits(model, fixture):
    """Every exit of a model against the logits of a fixture."""
    images = fixture["input_nchw"].astype("float32").transpose(0, 2, 3, 1)
    for i, exit in enumerate(model.instances):
        logits = np.asarray(model.at(exit)(images, training=False))
        np.testing.assert_allclose(logits, fixture[f"logits/{i}"], atol=1e-4)


@pytest.mark.backends
def test_every_exit_computes_what_the_published_code_computes():
    path = FIXTURES / "msdnet_imagenet_small.npz"
    written = zoo.import_checkpoint("imagenet", path)
    assert written.parent == zoo.config.cache_dir() / "imagenet"
    with np.load(path) as fixture:
        check_exits(zoo.load("imagenet"), fixture)
    origin = zoo.card("imagenet").results["imported_from"]
    assert origin["file"] == path.name
    assert len(origin["sha256"]) == 64


def test_a_checkpoint_of_parallel_training_is_read_and_written_where_asked(tmp_path):
    path, out = tmp_path / "net.safetensors", tmp_path / "net.npz"
    with np.load(FIXTURES / "msdnet_cifar_small.npz") as fixture:
        arrays = {
            name.replace("state_dict/", "module."): fixture[name]
            for name in fixture.files
            if name.startswith("state_dict/")
        }
        safetensors.numpy.save_file(arrays, path)
        assert zoo.import_checkpoint("cifar", path, out) == out
        check_exits(zoo.load("cifar", weights=out), fixture)
    assert not (tmp_path / "cache").exists()


def test_only_what_no_exit_sees_may_be_missing(tiny, refused, file, tmp_path):
    """Without dropped scales the last layer's finer one leads nowhere."""
    unseen = {k for k in tiny if k.startswith("blocks.1.0.layers.0.")}
    assert len(unseen) == 10
    less = {name: array for name, array in tiny.items() if name not in unseen}
    for arrays in (tiny, less):
        out = tmp_path / f"{len(arrays)}.npz"
        zoo.import_checkpoint("tiny", file(arrays), out)
    files = [tmp_path / f"{len(arrays)}.npz" for arrays in (tiny, less)]
    assert files[0].read_bytes() == files[1].read_bytes()
    name = sorted(unseen)[0]
    says = f"tensor '{name}' has shape .1,. instead of"
    refused({**tiny, name: np.zeros(1)}, says)


def test_missing_unknown_and_misshapen_tensors_are_named(tiny, refused):
    name = "blocks.0.0.layers.1.net.0.weight"
    rest = {k: array for k, array in tiny.items() if k != name}
    refused(rest, rf"no checkpoint of 'tiny': it lacks tensor '{name}' of shape \(8, 4")
    refused({**tiny, "fc.weight": np.ones(2)}, "its tensor 'fc.weight' is unknown")
    turned = tiny[name].transpose(2, 3, 1, 0)
    says = rf"'{name}' has shape \(3, 3, 4, 8\) instead of \(8, 4, 3, 3\); it holds"
    refused({**tiny, name: turned}, says)
    says = rf"and {len(tiny) - 10} more differ; it holds 1 tensor, .* shape \(2,\)\.$"
    refused({"fc.weight": np.ones(2)}, says)


def test_the_network_that_would_fit_is_named(refused):
    refused(arrays_of("longer"), r"and \d+ more differ; it fits 'longer'\.")
    # As many layers and classes as `tiny`, but wider: that fits none.
    says = r"more differ; it holds an MSDNet of blocks of 1, 1 layers and 3 classes\.$"
    refused(arrays_of("tiny", growth=4), says, name="longer")


def test_what_is_not_finite_is_refused(tiny, refused):
    name = "classifier.1.linear.bias"
    refused({**tiny, name: np.full(3, np.nan)}, f"'{name}' .*holds NaN or infinity")


def test_bad_arguments_get_one_sentence(file, tiny, tmp_path, monkeypatch):
    path = file(tiny)
    with pytest.raises(DynresError, match="'wide_resnet' can be read, only of msdnet"):
        zoo.import_checkpoint("sdpoint_wrn16_2_cifar10", path)
    with pytest.raises(UnknownNameError, match="Did you mean 'msdnet_imagenet'"):
        zoo.import_checkpoint("msdnet_imagnet", path)
    with pytest.raises(DynresError, match="is not known: say which file"):
        zoo.import_checkpoint("tiny")
    with pytest.raises(DynresError, match="Received: out='net.keras'"):
        zoo.import_checkpoint("tiny", path, "net.keras")
    with pytest.raises(DynresError, match="The weight file cannot be written: No such"):
        zoo.import_checkpoint("tiny", path, tmp_path / "none" / "net.npz")
    monkeypatch.setenv("KERAS_DYNRES_CACHE", str(path))
    with pytest.raises(
        DynresError, match="folder cannot be written: Not .*net.npz/tiny'"
    ):
        zoo.import_checkpoint("tiny", path)


@pytest.mark.parametrize("step", [4, 7])
def test_without_weights_load_says_how_to_get_them(step):
    name = "msdnet_imagenet" + (f"_step{step}" if step > 4 else "")
    says = (
        f"import them with `keras-dynres import {name}`, "
        f"train them with `keras-dynres train {name}`, or .*weights=None"
    )
    with pytest.raises(DynresError, match=says):
        zoo.load(name)
    page = zoo.card(name).to_markdown()
    assert f"`keras-dynres import {name}` makes them of https://www.dropbox" in page
    assert f"#msdnet-step={step}-block=5.pth.tar" in page
