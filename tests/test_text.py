"""Figures and tables are written in one place."""

import pytest

from keras_dynres import text


@pytest.mark.parametrize(
    ("value", "short", "fixed"),
    [
        (0, "0", "0"),
        (7, "7", "7"),
        (2.5, "2.50", "2.5"),
        (0.0625, "0.06", "0.0625"),
        (999, "999", "999"),
        (1000, "1 k", "1.00 k"),
        (77_860, "77.9 k", "77.86 k"),
        (999_400, "999 k", "999.40 k"),
        (999_600, "1.00 M", "999.60 k"),
        (999_996, "1.00 M", "1.00 M"),
        (36.5e6, "36.5 M", "36.50 M"),
        (8.218e9, "8.22 G", "8.22 G"),
        (123e9, "123 G", "123.00 G"),
        (5e12, "5000 G", "5000.00 G"),
        (-2e6, "-2 M", "-2.00 M"),
    ],
)
def test_amounts_have_a_prefix_and_few_digits(value, short, fixed):
    assert text.amount(value) == short
    assert text.amount(value, digits=2) == fixed


@pytest.mark.parametrize(
    ("key", "shown", "axis"),
    [
        ("macs", "0.50", "Multiply-accumulates per image"),
        ("latency_ms", "0.5 ms", "Latency per image (ms)"),
        ("accuracy", "50.00 %", "Top-1 accuracy (%)"),
        ("predicted_accuracy", "50.00 %", "Predicted accuracy (%)"),
        ("mean_iou", "50.00 %", "Mean IoU (%)"),
        ("one_hot_mean_io_u", "50.00 %", "One hot mean io u (%)"),
        ("map", "50.00 %", "mAP (%)"),
        ("loss", "0.5", "loss"),
        ("heatmap", "0.5", "heatmap"),
        ("energy_mj", "0.5", "energy mj"),
    ],
)
def test_a_figure_is_written_as_its_name_asks_for(key, shown, axis):
    assert text.figure(0.5, key) == shown
    assert text.axis(key) == axis
    assert text.figure(None, key) == text.figure(float("nan"), key) == "–"
    assert text.is_share(key) == shown.endswith("%")


def test_costs_and_errors():
    assert text.cost(2.512, "latency_ms") == "2.51 ms"
    assert text.cost(2_512_000, "flops", digits=2) == "2.51 M"
    assert text.cost(2_512_000, "bytes") == "2.51 M"
    assert text.cost(None, "macs") == text.cost(float("nan"), "macs") == "–"
    assert text.percent(1 / 3) == "33.33 %"
    assert text.error(1 / 3, 0.02) == "66.67 ± 2.00"
    assert text.figure("full", "name") == "full"
    assert text.is_accuracy("top5_accuracy") and not text.is_accuracy("mean_iou")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ""),
        ({"ratio": 0.5}, "pooled to 0.5"),
        (
            {"point": "stage1_block2_add", "ratio": 0.75},
            "pooled to 0.75 after stage 1, block 2",
        ),
        (
            {"point": "conv2_block1_out", "ratio": 0.5},
            "pooled to 0.5 after conv 2, block 1",
        ),
        ({"point": "block_3_project_BN"}, "after block 3"),
        ({"point": "conv_dw_4_relu"}, "after conv dw 4"),
        ({"point": "stem"}, "after stem"),
        ({"stage1": 1.0, "stage2": 0.65, "stage3": 1.0}, "stages at 1, 0.65, 1"),
        ({"density": 0.1}, "a tenth of the points"),
        ({"density": 0.25}, "a quarter of the points"),
        ({"density": 0.3}, "30 % of the points"),
        ({"density": [0.2, "{x}"]}, "0.2, {x} of the points"),
        ({"size": 16}, "images of 16 pixels a side"),
        ({"input": 0.5}, "images scaled to 0.5"),
        ({"exit": 2}, "leaves at exit 2"),
        (
            {"rule": "searched", "q": None, "{top_k}": (1, 2.0)},
            "rule searched, {top k} 1, 2",
        ),
    ],
)
def test_settings_are_told_in_words(settings, words):
    assert text.settings(settings) == words


def test_a_grid_is_aligned():
    header, rows = ["net", "kind", "MACs"], [["a", "exit", "9"], ["long", "x", "1000"]]
    assert text.grid(header, rows).splitlines() == [
        "net   kind  MACs",
        "----  ----  ----",
        "a     exit     9",
        "long     x  1000",
    ]
    assert text.grid(header, iter(rows), left=2).splitlines()[3] == "long  x     1000"
    assert text.grid(header, rows, total=["sum", "", "1009"]).splitlines()[3:] == [
        "long     x  1000",
        "----  ----  ----",
        "sum         1009",
    ]
    assert text.grid(header, rows, "markdown").splitlines() == [
        "| net  | kind | MACs |",
        "| ---- | ---: | ---: |",
        "| a    | exit |    9 |",
        "| long |    x | 1000 |",
    ]
    assert text.grid(header, []).count("\n") == 1


def test_ticks_are_in_the_unit_of_the_axis_end():
    ticks = [text.tick(value, "macs", 3e6) for value in (0, 5e5, 3e6)]
    assert ticks == ["0", "0.5 M", "3 M"]
    assert text.tick(5e5, "latency_ms", 3e6) == "500000"
    assert text.tick(5, "params", 10) == "5"
