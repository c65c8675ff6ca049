"""Bundles as ai-edge-quantizer takes them."""

import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.tflite import flatbuffer

pytestmark = pytest.mark.tensorflow


def tensor_names(path):
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    return [tensor.name for graph in model.subgraphs for tensor in graph.tensors]


def test_no_two_tensors_of_a_float_file_have_the_same_name(bundles):
    held = tensor_names(bundles("float32")[0])
    assert all(held)
    assert len(set(held)) == len(held)


def test_graphs_share_the_tables_of_tensors_elsewhere(bundles):
    held = tensor_names(bundles("int8")[0])
    assert len(set(held)) < len(held) / len(bundles.names)


def test_a_bundle_is_quantised_and_computes_nearly_the_same(bundles, tmp_path):
    reason = "ai-edge-quantizer is not installed: pip install ai-edge-quantizer"
    quantizer = pytest.importorskip("ai_edge_quantizer.quantizer", reason=reason)
    from ai_edge_quantizer import recipe

    # p2@0.75 pools by a product with a constant on the left: the quantizer rounds the
    # constant, and the runtime has no such product.
    names = ["p1@0.5", "full"]
    path = tmp_path / "net.tflite"
    kd.tflite.export(bundles.model, path, names, verbose=0)
    work = quantizer.Quantizer(str(path))
    work.load_quantization_recipe(recipe.dynamic_wi8_afp32())
    small = bytes(work.quantize().quantized_model)
    whole = path.read_bytes()
    assert len(small) < 0.6 * len(whole)
    images = bundles.calibration
    for name in names:
        both = [outputs(data, name, images) for data in (whole, small)]
        assert np.abs(both[0] - both[1]).max() < 0.05 * np.abs(both[0]).max()


def outputs(data, name, images):
    run = flatbuffer.load(lambda: data, [name], 1)[name]
    return np.concatenate([run(images=image[None])["outputs"] for image in images])
