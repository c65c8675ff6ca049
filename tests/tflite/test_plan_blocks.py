"""Which blocks are worth sampling, by milliseconds; what they take is made up."""

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.tflite import block_plan, latency

BLOCKS = ["stage1_block1_add", "stage2_block1_add", "stage3_block1_add"]


def sampled(depth=8, **options):
    keras.utils.set_random_seed(0)
    base = kd.architectures.resnet(
        depth, (32, 32, 3), classes=4, channels=(8, 16, 16), name="net"
    )
    return kd.Sampled(base, densities=(0.5, 0.25), **options)


@pytest.fixture
def clock(monkeypatch):
    """Milliseconds by what models are named, in place of measured ones."""

    class Clock:
        ms, asked = {}, []

        def runner(self, model, threads):
            self.asked.append(model.name)
            return lambda: (model.name, threads)

        def measure(self, run, repeats, warmup):
            name, threads = run()
            return {"median_ms": self.ms[name] / threads}

        def blocks(self, dense, points, whole=(8.0, 6.0)):
            for block, one, other in zip(BLOCKS, dense, points, strict=True):
                self.ms[f"{block}_dense"] = one
                self.ms[f"{block}_dense_sampled"] = other
                self.ms[f"{block}_dense_fewer"] = other / 2
            for name, ms in zip(("full", "d0.25"), whole, strict=True):
                self.ms[f"net_{name}"] = self.ms["net"] = ms
            self.ms["net"] = self.ms["net_full"]

    made = Clock()
    made.ms, made.asked = {}, []
    monkeypatch.setattr(block_plan, "_runner", made.runner)
    monkeypatch.setattr(latency, "measure", made.measure)
    return made


def test_blocks_are_sampled_where_that_is_quicker(clock):
    model = sampled()
    macs = model.menu["d0.25"].macs
    clock.blocks(dense=[2.0, 2.0, 2.0], points=[2.5, 1.0, 2.0])
    plan = kd.tflite.plan_blocks(model, "d0.25", verbose=0)
    assert plan.dense == ["stage1_block1_add", "stage3_block1_add"]
    assert model.get_config()["dense"] == {"d0.25": plan.dense}
    assert list(model.counts("d0.25")) == model.blocks["stage2_block1_add"]
    assert model.menu["d0.25"].macs == kd.cost.count(model.at("d0.25")).macs > macs
    assert plan.instance == model.menu["d0.25"]
    assert model.menu["d0.25"].measured == {"latency_ms": 6.0}
    assert model.menu.full.measured == {"latency_ms": 8.0}
    chosen = sum(min(ms["dense"], ms["sampled"]) for ms in plan.blocks.values())
    assert chosen <= sum(ms["dense"] for ms in plan.blocks.values())
    # What points take is known from now on.
    assert model.block_times("d0.25").latency_ms == 6.0
    assert "d0.5" not in model.get_config()["dense"]


def test_the_same_choice_keeps_what_was_measured(clock):
    model = sampled()
    clock.blocks(dense=[1.0, 2.0, 2.0], points=[2.5, 1.0, 1.0])
    kd.tflite.plan_blocks(model, "d0.25", verbose=0)
    model.menu.record("d0.25", accuracy=0.5)
    graph = model.at("d0.25")
    kd.tflite.plan_blocks(model, "d0.25", verbose=0)
    assert model.at("d0.25") is graph
    assert model.menu["d0.25"].measured["accuracy"] == 0.5
    # A block that was left dense is looked at again.
    clock.blocks(dense=[3.0, 2.0, 2.0], points=[2.5, 1.0, 1.0])
    assert not kd.tflite.plan_blocks(model, "d0.25", verbose=0).dense
    assert len(model.counts("d0.25")) == 6


def test_all_dense_is_full(clock):
    model = sampled()
    clock.blocks(dense=[1.0, 1.0, 1.0], points=[1.0, 1.5, 3.0])
    plan = kd.tflite.plan_blocks(model, "d0.25", verbose=0)
    assert plan.dense == BLOCKS
    assert plan.latency_ms == plan.full_ms == 8.0
    assert model.menu["d0.25"].macs == model.menu.full.macs
    assert "Sampling is worth it in no block: 'd0.25' is 'full' now." in str(plan)


def test_the_choice_is_saved(clock, tmp_path):
    model = sampled()
    clock.blocks(dense=[1.0, 2.0, 2.0], points=[2.5, 1.0, 1.0])
    kd.tflite.plan_blocks(model, "d0.25", verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.counts("d0.25") == model.counts("d0.25")
    assert again.menu["d0.25"] == model.menu["d0.25"]
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    hard = again.at("d0.25", training=True)(x, training=False)
    np.testing.assert_allclose(again.at("d0.25")(x, training=False), hard, atol=2e-5)


def test_the_table(clock, capsys):
    model = sampled()
    clock.blocks(dense=[2.0, 2.0, 2.0], points=[2.5, 1.0, 1.25], whole=(8.0, 6.25))
    kd.tflite.plan_blocks(model, "d0.25", threads=2)
    table = [
        "block              dense ms  sampled ms     runs     ms",
        "-----------------  --------  ----------  -------  -----",
        "stage1_block1_add     1.000       1.250    dense  1.000",
        "stage2_block1_add     1.000       0.500  sampled  0.500",
        "stage3_block1_add     1.000       0.625  sampled  0.625",
        "-----------------  --------  ----------  -------  -----",
        "all                   3.000       2.375           2.125",
        "Sampling is not worth it in 1 of 3 blocks, which are computed whole.",
        "'d0.25' takes 3.12 ms, 'full' 4 ms, on 2 threads.",
    ]
    assert capsys.readouterr().out.endswith("\n".join(table) + "\n")
    clock.blocks(dense=[2.0, 2.0, 2.0], points=[1.5, 1.0, 1.25])
    plan = kd.tflite.plan_blocks(model, "d0.25", verbose=0)
    assert "Sampling is worth it in all blocks." in str(plan)


def test_blocks_alike_are_measured_once(clock):
    model = sampled(depth=14)
    assert len(model.blocks) == 6
    clock.ms = dict.fromkeys(
        [f"{block}_dense{end}" for block in model.blocks for end in ("", *ENDS)], 1.0
    )
    clock.ms.update(net=2.0, net_full=2.0)
    kd.tflite.plan_blocks(model, "d0.25", verbose=0)
    dense = [name for name in clock.asked if name.endswith("_dense")]
    # Those of the first stage are alike.
    assert len(dense) == 5
    model.compute_whole("d0.25", [])
    counts = [128, 128, *list(model.counts("d0.25").values())[2:]]
    model = sampled(depth=14, counts={"d0.25": counts})
    clock.asked.clear()
    kd.tflite.plan_blocks(model, "d0.25", verbose=0)
    assert len([name for name in clock.asked if name.endswith("_dense")]) == 6


ENDS = ("_sampled", "_fewer")


@pytest.mark.tensorflow
def test_a_block_is_run_in_tflite():
    model = sampled()
    graphs = model.block_graphs("d0.25")
    assert list(graphs) == BLOCKS
    for small in graphs["stage2_block1_add"].values():
        assert small.output_shape == (None, 16, 16, 16)
        (outputs,) = block_plan._runner(small, 1)().values()
        assert outputs.shape == (1, 16, 16, 16)


@pytest.mark.parametrize(
    ("instance", "options", "sentence"),
    [
        ("full", {}, "'full' computes all points"),
        ("sampled", {}, "'sampled' computes as many points as an image has"),
        ("d0.3", {}, "Unknown instance"),
        ("d0.5", {"threads": 0}, "threads is a whole number of at least 1.*threads=0"),
        ("d0.5", {"repeats": 1.5}, "repeats is a whole number"),
    ],
)
def test_bad_input(clock, instance, options, sentence):
    with pytest.raises(kd.DynresError, match=sentence):
        kd.tflite.plan_blocks(sampled(), instance, **options)
    assert not clock.asked


def test_a_model_without_such_blocks(tiny):
    with pytest.raises(kd.DynresError, match="blocks may be computed.*SDPoint"):
        kd.tflite.plan_blocks(tiny, "full")
