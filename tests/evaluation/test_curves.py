import re

import pytest

from keras_dynres import DynresError, Instance, Menu
from keras_dynres.evaluation import compare, curve, plot


@pytest.mark.parametrize("x", ["macs", "flops", "latency_ms"])
@pytest.mark.parametrize("seed", range(20))
def test_front_by_brute_force(seed, x, random_menu):
    menu = random_menu(seed)
    split = curve(menu, x)
    everything = {i.name: (i.figure(x), i.figure("accuracy")) for i in menu}
    front = {p.name: (p.x, p.y) for p in split.front}
    for name, (cost, accuracy) in everything.items():
        beaten = any(
            c <= cost and a >= accuracy and (c, a) != (cost, accuracy)
            for c, a in everything.values()
        )
        # Of instances alike in both, one stands for all.
        assert ((cost, accuracy) in front.values()) != beaten
        assert name not in front or front[name] == (cost, accuracy)
    assert len(set(front.values())) == len(front)
    assert {p.name for p in split.beaten} == set(everything) - set(front)
    xs = [p.x for p in split.front]
    assert xs == sorted(xs)


def holed():
    return Menu(
        [
            Instance("full", macs=9, flops=18, measured={"accuracy": 0.9}),
            Instance("p1@0.5", macs=3, flops=6, measured={"accuracy": float("nan")}),
            Instance("p2@0.5", macs=4, flops=8, measured={"accuracy": 0.8}),
            Instance("p3@0.5", macs=5, flops=10),
        ]
    )


def test_unmeasured_and_nan_are_left_out_with_a_note():
    split = curve(holed())
    assert [p.name for p in split.front] == ["p2@0.5", "full"]
    assert split.missing == ("p1@0.5", "p3@0.5")
    figure = plot(holed())
    assert "2 instances are left out" in figure.get_supxlabel()


def test_plot_draws_errors_of_the_front_only(random_menu):
    menu = random_menu(1)
    axes = plot({"a": menu, "b": random_menu(2)}, x="macs").axes[0]
    line = axes.lines[0]
    front = curve(menu, "macs").front
    assert list(line.get_xdata()) == [p.x for p in front]
    assert list(line.get_ydata()) == pytest.approx([100 * (1 - p.y) for p in front])
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", "b"]
    assert len(axes.lines) == 2
    faint = plot(menu, x="macs", beaten=True).axes[0].lines[-1]
    assert len(faint.get_xdata()) == len(menu) - len(front)


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_files_appear_whole_and_are_the_same_each_time(
    tmp_path, ending, monkeypatch, random_menu
):
    path = tmp_path / f"curve.{ending}"
    plot(random_menu(1), path, images=100, names=True)
    first = path.read_bytes()
    assert first.startswith({"png": b"\x89PNG", "svg": b"<?xml"}[ending])
    plot(random_menu(1), path, images=100, names=True)
    if ending == "png":
        assert path.read_bytes() == first

    def full_disk(handle):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full_disk)
    before = path.read_bytes()
    with pytest.raises(DynresError, match="no space"):
        plot(random_menu(2), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_bad_input_gets_a_sentence(tmp_path, random_menu):
    with pytest.raises(DynresError, match="Did you mean 'macs'"):
        curve(random_menu(0), "mac")
    with pytest.raises(DynresError, match="'jpq'"):
        plot(random_menu(0), tmp_path / "x.jpq")
    with pytest.raises(DynresError, match="cannot be written: No such file"):
        plot(random_menu(0), tmp_path / "no" / "x.png")
    with pytest.raises(DynresError, match="both 'macs' and 'accuracy' measured"):
        plot(Menu([Instance("full", macs=3)]), x="macs")
    with pytest.raises(DynresError, match="empty menu"):
        plot({})


def test_compare_lines_up_instances_by_name_and_cost():
    other = Menu(
        [
            Instance("full", macs=9, flops=18, measured={"accuracy": 0.7}),
            Instance("size16", macs=2, flops=4, measured={"accuracy": 0.6}),
        ]
    )
    table = compare({"ours": holed(), "theirs": other}, images=100)
    rows = [line.split() for line in table.splitlines()[2:]]
    assert [row[0] for row in rows] == ["size16", "p1@0.5", "p2@0.5", "p3@0.5", "full"]
    assert rows[0][3:] == ["–", "40.00", "±", "4.90"]
    assert rows[1][3:] == ["–", "–"]
    assert rows[-1][3:] == ["10.00", "±", "3.00", "30.00", "±", "4.58"]
    markdown = compare(other, style="markdown").splitlines()
    assert all(line.count("|") == 5 for line in markdown)
    assert len({len(line) for line in markdown}) == 1
    with pytest.raises(DynresError, match="Did you mean 'markdown'"):
        compare(other, style="markdwn")


def dense():
    """A menu that goes by its mean IoU, one of whose costs depends on the image."""
    average = {"macs": 4e6, "flops": 8e6, "macs_spread": 1e6, "images": 50}
    menu = Menu(
        [
            Instance("full", {}, 9_000_000, 18_000_000, measured={"mean_iou": 0.8}),
            Instance("small", {}, 5_000_000, 9_000_000, measured={"mean_iou": 0.6}),
            Instance(
                "sampled",
                {},
                9_500_000,
                19_000_000,
                measured={"mean_iou": 0.7, "loss": 1.5},
                average=average,
            ),
        ]
    )
    menu.metric = "mean_iou"
    return menu


def test_the_menu_says_by_which_figure_it_is_judged():
    split = curve(dense())
    assert [(p.name, p.y) for p in split.front] == [("sampled", 0.7), ("full", 0.8)]
    assert not split.missing
    assert curve(dense(), metric="accuracy").missing == ("small", "full", "sampled")
    axes = plot({"a": dense(), "b": dense()}, x="macs", images=50).axes[0]
    assert axes.get_ylabel() == "Mean IoU (%)"
    assert list(axes.lines[0].get_ydata()) == pytest.approx([70, 80])
    assert plot(dense(), metric="loss").axes[0].get_ylabel() == "loss"
    table = compare(dense(), images=50).splitlines()
    assert table[0].split()[-2:] == ["Mean", "IoU"] and table[2].endswith("60.00 %")
    with pytest.raises(DynresError, match="Did you mean 'mean_iou'"):
        compare(dense(), metric="mean_iuo")


def test_costs_on_average_say_so():
    split = curve(dense(), x="flops")
    assert [(p.name, p.x, p.average) for p in (*split.front, *split.beaten)] == [
        ("sampled", 8e6, True),
        ("full", 18e6, False),
        ("small", 9e6, False),
    ]
    assert split.average and not curve(holed()).average
    label = plot(dense(), x="macs").axes[0].get_xlabel()
    assert label == "Multiply-accumulates per image, on average where images differ"
    assert "average" not in plot(holed(), x="macs").axes[0].get_xlabel()
    rows = compare(dense()).splitlines()
    assert re.fullmatch(r"sampled +4 M on average +8 M on average +70.00 %", rows[-1])
    assert sum("on average" in row for row in rows) == 1


def test_loose_points_are_all_drawn_and_not_joined(random_menu):
    menus = {"paper": random_menu(1), "here": random_menu(2)}
    axes = plot(menus, x="macs", loose={"paper"}).axes[0]
    paper, here = axes.lines[:2]
    assert len(paper.get_xdata()) == len(menus["paper"])
    assert paper.get_linewidth() == 0 < here.get_linewidth()
    assert len(here.get_xdata()) == len(curve(menus["here"], "macs").front)
