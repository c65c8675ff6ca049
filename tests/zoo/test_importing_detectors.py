"""Published checkpoints of sampled detectors, and dense ones."""

import dataclasses

import numpy as np
import published_detector
import pytest
from shapes_only import shapes_only
from zoo_networks import add_network

from keras_dynres import architectures, zoo
from keras_dynres.errors import DynresError
from keras_dynres.zoo.importing import faster_rcnn as published_names
from keras_dynres.zoo.loader import build

# Blocks by depth: three convolutions each, the stem and a classifier.
BLOCKS = {17: published_detector.BLOCKS, 20: (1, 1, 3, 1)}
PUBLISHED = {
    "backbone": {"depth": 17, "deformable": (2, 3, 4)},
    "classes": 3,
    "input_shape": (*published_detector.SIZE, 3),
    "published": True,
    "pyramid": 8,
    "head": 16,
    "per_level": 200,
    "regions": 40,
}
SAMPLED = {
    "densities": (0.5,),
    "window": 7,
    "grid": 11,
    "sparse_loss": 0.1,
    "freeze_norms": True,
}
faster_rcnn = architectures.faster_rcnn


def narrow(backbone, input_shape, **options):
    """The architecture over the narrow backbone, of which `resnet` knows nothing."""
    blocks = BLOCKS[backbone["depth"]]
    return faster_rcnn(published_detector.backbone(blocks), **options)


@pytest.fixture(autouse=True)
def networks(no_random_weights, monkeypatch, tmp_path):
    """The published network, a dense, a deeper one and one of more classes."""
    monkeypatch.setitem(architectures._ARCHITECTURES, "faster_rcnn", narrow)
    like = zoo.Network.load("sampled_faster_rcnn_resnet101_coco")
    deeper = {**PUBLISHED["backbone"], "depth": 20}
    entries = {
        "small": (PUBLISHED, "sampled", SAMPLED),
        "dense": (PUBLISHED, "plain", {}),
        "deeper": ({**PUBLISHED, "backbone": deeper}, "sampled", SAMPLED),
        "more": ({**PUBLISHED, "classes": 4}, "sampled", SAMPLED),
    }
    for name, (kwargs, method, options) in entries.items():
        entry = dataclasses.replace(
            like,
            name=name,
            architecture_options=kwargs,
            method=method,
            method_options=options,
        )
        add_network(monkeypatch, entry, tmp_path)


@pytest.fixture(scope="module")
def published():
    return published_detector.values()


@pytest.fixture
def file(tmp_path, published):
    """The published weights as a checkpoint; without those of masks it is dense."""

    def file(dense=False):
        tensors = published_detector.weights(published)
        if dense:
            masks = ("_mask.weight", "_mask.bias", "_sigma")
            tensors = {k: v for k, v in tensors.items() if not k.endswith(masks)}
        path = tmp_path / "epoch_12.npz"
        np.savez(path, **tensors)
        return path

    return file


def detections(model, instance, published):
    images = np.moveaxis(published["images"], 1, -1)
    outputs = model.at(instance)(images, training=False)
    return {name: np.asarray(output) for name, output in outputs.items()}


def test_a_sampled_detector_detects_what_the_published_one_does(file, published):
    written = zoo.import_checkpoint("small", file())
    assert written.parent == zoo.config.cache_dir() / "small"
    assert zoo.card("small").results["imported_from"]["file"] == "epoch_12.npz"
    model, wanted = zoo.load("small"), published_detector.loaded(published)
    for instance in ("full", "d0.5"):
        outputs = detections(model, instance, published)
        assert outputs["count"][0] > 0
        for name, array in detections(wanted, instance, published).items():
            np.testing.assert_allclose(outputs[name], array, atol=1e-3)


def test_a_dense_detector_is_imported_from_a_dense_checkpoint(
    file, published, tmp_path
):
    out = zoo.import_checkpoint("dense", file(dense=True), tmp_path / "net.npz")
    outputs = detections(zoo.load("dense", weights=out), "full", published)
    wanted = detections(published_detector.loaded(published), "full", published)
    np.testing.assert_allclose(outputs["scores"], wanted["scores"], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "dense", "says"),
    [
        (
            "small",
            True,
            r"it lacks tensor 'backbone\.layer1\.0\.conv1_mask\.weight' of shape "
            r"\(1, 4, 3, 3\), and 29 more differ; it fits 'dense'\.$",
        ),
        (
            "dense",
            False,
            r"its tensor 'backbone\.layer1\.0\.conv1_sigma' is unknown there, "
            r"and 29 more differ; it fits 'small'\.$",
        ),
        (
            "deeper",
            False,
            r"it lacks tensor 'backbone\.layer3\.2\.\S+' of .* it fits 'small'\.$",
        ),
        (
            "more",
            False,
            r"tensor 'bbox_head\.fc_cls\.weight' has shape \(4, 16\) instead of "
            r"\(5, 16\), and 3 more differ; it fits 'small'\.$",
        ),
    ],
    ids=["sampled", "dense", "deeper", "classes"],
)
def test_another_network_s_checkpoint_is_refused(name, dense, says, file, tmp_path):
    with pytest.raises(DynresError, match=says) as caught:
        zoo.import_checkpoint(name, file(dense))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.tensorflow
def test_the_paper_s_network_wants_the_same_names(published, monkeypatch):
    monkeypatch.setitem(architectures._ARCHITECTURES, "faster_rcnn", faster_rcnn)
    with shapes_only():
        model = build(zoo.Network.load("sampled_faster_rcnn_resnet101_coco"))
        wanted = published_names.wanted(model)
    small, later = set(published_detector.weights(published)), "backbone.layer3.1."
    names = {name for name in small if not name.startswith(later)}
    inner = [name.removeprefix(later) for name in small - names]
    for stage, count in enumerate((3, 4, 23, 3), 1):
        names |= {
            f"backbone.layer{stage}.{block}.{name}"
            for block in range(1, count)
            for name in inner
            if stage > 1 or "offset" not in name
        }
    assert set(wanted) == names
    assert wanted["bbox_head.fc_cls.weight"].shape == (81, 1024)
    assert wanted["bbox_head.shared_fcs.0.weight"].shape == (1024, 256 * 7 * 7)
