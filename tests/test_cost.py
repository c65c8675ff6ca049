"""Rules of costs against arithmetic done by hand, and how a graph is walked."""

import csv
import io

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_dynres import cost, graph
from keras_dynres.errors import DynresError
from keras_dynres.layers import AdaptivePooling2D, StatisticsSlot


def through(function, *shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    model = keras.Model(inputs, function(*inputs))
    return cost.count(model)


def ones(cls, *args, **kwargs):
    names = ("kernel_initializer", "depthwise_initializer")
    name = names["Depthwise" in cls.__name__]
    return cls(*args, use_bias=False, **{name: "ones"}, **kwargs)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (ones(layers.Conv1D, 4, 3, strides=2), (9, 3)),
        (ones(layers.Conv2D, 6, (3, 2), groups=2), (7, 6, 4)),
        (ones(layers.Conv2D, 5, 3, strides=(2, 1), dilation_rate=1), (9, 8, 3)),
        (ones(layers.Conv3D, 2, 2), (4, 4, 3, 3)),
        (ones(layers.DepthwiseConv1D, 3, depth_multiplier=2), (9, 3)),
        (ones(layers.DepthwiseConv2D, 3, depth_multiplier=3, strides=2), (9, 9, 2)),
        (ones(layers.Conv1DTranspose, 4, 3, strides=2), (5, 3)),
        (ones(layers.Conv2DTranspose, 4, 3, strides=2), (5, 4, 3)),
        (ones(layers.Dense, 5), (7,)),
        (ones(layers.Dense, 5), (3, 2, 7)),
        (
            layers.EinsumDense("abc,cde->abde", (4, 3, 2), kernel_initializer="ones"),
            (4, 5),
        ),
        (layers.EinsumDense("...x,xy->...y", 6, kernel_initializer="ones"), (4, 3, 5)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_macs_are_the_products_that_sum_up(layer, shape):
    # Over ones, with no padding, every product adds one to what comes out.
    counted = through(layer, shape)
    summed = float(ops.sum(layer(np.ones((1, *shape), "float32"))))
    assert counted.macs == summed
    assert counted.flops == 2 * summed


@pytest.mark.parametrize(
    ("layer", "shape", "macs", "flops"),
    [
        # 8*8*16 outputs of 3*3*(8/4) products; bias and ReLU one each.
        (
            layers.Conv2D(16, 3, padding="same", groups=4, activation="relu"),
            (8, 8, 8),
            18_432,
            36_864 + 1024 + 1024,
        ),
        # 6*6 pixels of 4*2 channels: 9 products each, then 8 per filter.
        (layers.SeparableConv2D(5, 3, depth_multiplier=2), (8, 8, 4), 4032, 8244),
        (layers.Dense(10, activation="softmax"), (20,), 200, 400 + 10 + 50),
        (layers.BatchNormalization(), (4, 4, 3), 0, 96),
        (layers.LayerNormalization(), (4, 4, 3), 0, 48 * 7),
        (layers.GroupNormalization(1, scale=False), (4, 4, 3), 0, 48 * 6),
        (layers.Rescaling(1 / 255), (4, 4, 3), 0, 48),
        (layers.Rescaling(1 / 255, offset=-1), (4, 4, 3), 0, 96),
        (layers.Activation("swish"), (4, 4, 3), 0, 48 * 5),
        (layers.Activation(layers.ReLU(6)), (4, 4, 3), 0, 48),
        (layers.LeakyReLU(), (4, 4, 3), 0, 96),
        (layers.MaxPooling2D(3, 2), (9, 9, 2), 0, 4 * 4 * 2 * 9),
        (layers.AveragePooling1D(2), (8, 3), 0, 24),
        (layers.GlobalAveragePooling2D(), (7, 7, 5), 0, 245),
        # Windows of 5 cells for 3: 0-2, 1-4, 3-5.
        (AdaptivePooling2D(0.6), (5, 5, 4), 0, 7 * 7 * 4),
        (AdaptivePooling2D(0.5, mode="max"), (4, 8, 3), 0, 96),
        (layers.UpSampling2D(2), (4, 4, 3), 0, 0),
        (layers.UpSampling2D(2, interpolation="bilinear"), (4, 4, 3), 0, 192 * 7),
        (layers.Resizing(2, 2, antialias=True), (8, 8, 1), 0, 4 * (2 * 64 - 1)),
        (layers.ZeroPadding2D(1), (4, 4, 3), 0, 0),
        (layers.Dropout(0.5), (4,), 0, 0),
        (layers.RandomFlip(), (4, 4, 3), 0, 0),
        (layers.Flatten(), (4, 4, 3), 0, 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_layers_by_hand(layer, shape, macs, flops):
    counted = through(layer, shape)
    assert (counted.macs, counted.flops) == (macs, flops)


@pytest.mark.parametrize(
    ("function", "macs", "flops"),
    [
        (lambda x, y: x + y, 0, 48),
        (lambda x, y: layers.Add()([x, y, x]), 0, 96),
        (lambda x, y: layers.Average()([x, y]), 0, 96),
        (lambda x, y: layers.Concatenate()([x, y]), 0, 0),
        (lambda x, y: ops.relu(x) * ops.sigmoid(y), 0, 48 + 192 + 48),
        (lambda x, y: ops.mean(x, axis=(1, 2)), 0, 48),
        (lambda x, y: ops.reshape(x, (-1, 16, 3))[:, :8], 0, 0),
        (lambda x, y: ops.matmul(x, ops.transpose(y, (0, 1, 3, 2))), 192, 384),
        (lambda x, y: ops.einsum("bijc,bklc->bijkl", x, y), 768, 1536),
        (lambda x, y: ops.conv(x, np.ones((3, 3, 3, 8), "float32")), 864, 1728),
        (lambda x, y: ops.depthwise_conv(x, np.ones((3, 3, 3, 1))), 108, 216),
        (lambda x, y: ops.max_pool(x, 2), 0, 48),
        (lambda x, y: ops.image.resize(x, (8, 8)), 0, 192 * 7),
    ],
)
def test_operations_by_hand(function, macs, flops):
    counted = through(function, (4, 4, 3), (4, 4, 3))
    assert (counted.macs, counted.flops) == (macs, flops)


def test_three_conventions_of_one_block():
    def block(x):
        y = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        return layers.MaxPooling2D(2)(layers.Add()([x, y]))

    counted = through(block, (8, 8, 4))
    assert counted.macs == 9216
    assert counted.flops == 2 * 9216 + 512 + 256 + 256 + 256
    assert counted.macs_elementwise == 9216 + 256 + 256
    assert counted.params == 144 + 8


def test_a_layer_called_twice_costs_twice_and_has_its_parameters_once():
    dense = layers.Dense(8)
    counted = through(lambda x: dense(dense(x)), (8,))
    assert counted.macs == 128
    assert counted.params == 72
    assert [layer.params for layer in counted.layers] == [72, 0]


def test_nested_models_are_counted_inside():
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(6), layers.ReLU()])
    outer = through(lambda x: inner(inner(x)), (6,))
    assert outer.macs == 72
    assert outer.params == cost.count(inner).params == 42
    assert [layer.kind for layer in outer.layers] == ["Dense", "ReLU"] * 2


def test_a_frozen_layer_keeps_its_parameters():
    frozen = keras.Sequential([keras.Input((6,)), layers.Dense(6)])
    frozen.trainable = False
    assert cost.count(frozen).params == 42


def test_statistics_slots_add_no_parameters():
    x = keras.Input((4, 4, 3))
    norm = layers.BatchNormalization(name="norm")
    base = keras.Model(x, layers.Conv2D(2, 3)(norm(x)))
    own = graph.rewire(base, {"norm": graph.swap(StatisticsSlot.of(norm, "slot"))})
    assert cost.count(own).params == cost.count(base).params == 6 + 56
    assert cost.count(own).flops == cost.count(base).flops


def test_unknown_layer_names_itself_until_a_rule_is_registered():
    class Doubling(layers.Layer):
        def call(self, x):
            return 2 * x

    class Quadrupling(Doubling):
        def call(self, x):
            return 4 * x

    with pytest.raises(DynresError, match=r"'odd' of class Doubling.*register\(Dou"):
        through(Doubling(name="odd"), (4, 4, 3))

    @cost.register(Doubling)
    def doubling(layer, input_shapes, output_shapes):
        assert input_shapes == output_shapes == [(4, 4, 3)]
        return 0, 48

    assert through(Quadrupling(), (4, 4, 3)).flops == 48


def test_unknown_activation_names_itself_until_a_rule_is_registered():
    def cubed(x):
        return x * x * x

    dense = layers.Dense(5, activation=cubed)
    with pytest.raises(DynresError, match="activation function 'cubed'"):
        through(dense, (5,))
    cost.register(cubed)(lambda function, inputs, outputs: cost.Work(0, 10, 5))
    assert through(dense, (5,)).flops == 50 + 5 + 10


def test_registering_for_no_class_is_refused():
    with pytest.raises(DynresError, match="Received: 3"):
        cost.register(3)


def test_unknown_size_is_refused_and_can_be_given():
    x = keras.Input((None, None, 3))
    inner = keras.Sequential([layers.Conv2D(4, 3, name="odd"), layers.ReLU()])
    model = keras.Model(x, layers.GlobalAveragePooling2D()(inner(x)))
    with pytest.raises(DynresError, match="'odd' has an unknown size.*input_shape"):
        cost.count(model)
    counted = cost.count(model, input_shape=(8, 8, 3))
    assert counted.macs == 6 * 6 * 4 * 27
    assert counted.layers[-1].output_shape == (4,)
    with pytest.raises(DynresError, match=r"Received: input_shape=\(8, 8\)"):
        cost.count(model, input_shape=(8, 8))


def test_sizes_of_several_inputs_can_be_given():
    x, y = keras.Input((None, 3)), keras.Input((None, 3))
    model = keras.Model([x, y], layers.Add()([x, y]))
    assert cost.count(model, input_shape=[(5, 3), (5, 3)]).flops == 15


def test_what_leaves_the_image_is_refused():
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, layers.Dense(2)(ops.reshape(x, (-1, 4, 4, 3))))
    with pytest.raises(DynresError, match=r"\(8, 8, 3\) to \(4, 4, 3\)"):
        cost.count(model)


def test_what_is_no_graph_is_refused():
    with pytest.raises(DynresError, match="functional"):
        cost.count(layers.Dense(3))
    with pytest.raises(DynresError, match="no input shape"):
        cost.count(keras.Sequential([layers.Dense(3)], name="bare"))


def test_table_and_csv_hold_every_call_and_the_totals(tmp_path):
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(100, 3, name="conv"), layers.ReLU()]
    )
    counted = cost.count(model)
    lines = cost.table(model).splitlines()
    assert lines[0].split()[2:] == ["output", "MACs", "FLOPs", "parameters"]
    assert lines[2].split()[:4] == ["conv", "Conv2D", "6x6x100", "97,200"]
    assert lines[-2].split()[-3:] == ["97,200", "201,600", "2,800"]
    assert lines[-1].endswith(" 100,800")
    assert len({line.index("Conv2D") for line in lines if "Conv2D" in line}) == 1

    path = tmp_path / "cost.csv"
    rows = list(csv.DictReader(io.StringIO(counted.to_csv(path))))
    assert path.read_text() == counted.to_csv()
    assert sum(int(row["flops"]) for row in rows) == counted.flops
    assert [file.name for file in tmp_path.iterdir()] == ["cost.csv"]
