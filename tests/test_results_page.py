"""docs/make_results.py: sections of cards as they may come."""

import make_results
import pytest

from keras_dynres import Instance, Menu
from keras_dynres.zoo import Card, Network, small_table
from keras_dynres.zoo.download import WeightsFile
from keras_dynres.zoo.runs import Run

MEGA = 10**6


def menu(metric="accuracy", **figures):
    """Instances by name, each its MMACs and its figure."""
    return Menu(
        (
            Instance(name, macs=macs * MEGA, measured={metric: value})
            for name, (macs, value) in figures.items()
        ),
        metric,
    )


def card(name, instances, **results):
    weights = WeightsFile(f"{name}.npz", "0" * 64, 2 * MEGA)
    return Card(Network.load(name), weights, instances, results)


def section(*cards):
    lines = [line for one in cards for line in make_results.card_lines(one)]
    return make_results.Section(cards[0].network.images, lines)


PLAIN = card("resnet14_imagenette_128", menu(full=(100, 0.9)), training={"hours": 0.5})
POINTS = menu(full=(100, 0.89), worse=(60, 0.8), half=(50, 0.86), bad=(10, 0.6))
SDPOINT = card("sdpoint_resnet14_imagenette_128", POINTS)
BUDGETS = [
    {
        "budget (MMACs)": 40.0,
        "cost on test images": 39.5,
        "accuracy % of these": 88.0,
    }
]


def rows(one):
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in one.table().splitlines()[2:]
    ]


def test_half_is_the_plain_networks_and_the_best_of_it_is_told():
    plain, sdpoint = rows(section(SDPOINT, PLAIN))
    page = "../zoo/resnet14_imagenette_128/README.md"
    assert plain[0] == f"[resnet14_imagenette_128]({page})"
    assert plain[1:5] == ["Plain", "10.00 at 100.0", "–", "–"]
    assert plain[5] == "2 MB" and plain[6].startswith("0.5, after")
    assert sdpoint[2:5] == ["11.00 at 100.0", "14.00 at 50.0", "40.00 at 10.0"]
    assert sdpoint[6].startswith("–, after")


def test_the_chart_has_the_front_that_does_not_err_too_often():
    drawn = section(SDPOINT, PLAIN).chart()
    assert "Top-1 error (%)" in drawn and 'class="ring"' in drawn
    for told in ("Plain: 10 at", "full: 11 at", "half: 14 at"):
        assert f"<title>{told}" in drawn
    assert "worse:" not in drawn and "bad:" not in drawn


def test_images_stopped_are_a_line_of_their_own():
    exits = menu(exit1=(30, 0.8), full=(60, 0.85))
    stopped = card("msdnet_imagenette_128", exits, budgets=BUDGETS)
    one = section(PLAIN, stopped)
    assert [line.method for line in one.lines] == [
        "Plain",
        "MSDNet",
        "MSDNet, images stopped",
    ]
    assert rows(one)[2][3] == "12.00 at 39.5"
    assert "budget 40: 12 at 39.5" in one.chart()


def test_networks_of_one_method_have_their_names():
    other = card("sdpoint_resnet14_imagenette_128_start", POINTS)
    drawn = section(PLAIN, SDPOINT, other).chart()
    assert ">sdpoint_resnet14<" in drawn


def test_what_was_trained_and_does_not_ship_stands_beside_the_cards(monkeypatch):
    network = Network.load("low_mode_resnet14_imagenette_128")
    run = Run(network, menu(full=(100, 0.91)), 3600)
    monkeypatch.setattr(small_table, "runs", lambda: [run])
    lines = [line for one in make_results.sections() for line in one.lines]
    [line] = [line for line in lines if line.network == network.name]
    assert line.figure(line.full) == "9.00 at 100.0"
    assert line.more == {"weights": "–", "hours": "1"}


def test_maps_without_a_plain_network_are_shown_by_their_own_figure():
    maps = menu("mean_iou", full=(80, 0.5), d=(30, 0.4))
    sampled = card("sampled_fcn14_camvid", maps)
    one = section(sampled, card("fcn14_camvid", menu("mean_iou", full=(90, 0.6))))
    assert one.plain and rows(one)[1][2:4] == ["50.00 % at 80.0", "40.00 % at 30.0"]
    alone = section(sampled, sampled)
    assert alone.plain is None and alone.lines[0].limit == 40 * MEGA
    assert "Mean IoU (%)" in alone.chart() and 'class="ring"' not in alone.chart()


def test_a_figure_that_stands_nowhere_is_refused():
    page = "../zoo/resnet14_imagenette/README.md"
    assert make_results.at(page, "full: error %") == f"[13.83]({page})"
    with pytest.raises(LookupError):
        make_results.at(page, "half: error %")
