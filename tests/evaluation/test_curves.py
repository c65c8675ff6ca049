import pytest

from keras_dynres import DynresError, Instance, Menu
from keras_dynres.evaluation import compare, curve, plot


@pytest.mark.parametrize("x", ["macs", "flops", "latency_ms"])
@pytest.mark.parametrize("seed", range(20))
def test_front_by_brute_force(seed, x, random_menu):
    menu = random_menu(seed)
    found = curve(menu, x)
    everything = {i.name: (i.figure(x), i.figure("accuracy")) for i in menu}
    front = {p.name: (p.x, p.y) for p in found.front}
    for name, (cost, accuracy) in everything.items():
        beaten = any(
            c <= cost and a >= accuracy and (c, a) != (cost, accuracy)
            for c, a in everything.values()
        )
        # Of instances alike in both, one stands for all.
        assert ((cost, accuracy) in front.values()) != beaten
        assert name not in front or front[name] == (cost, accuracy)
    assert len(set(front.values())) == len(front)
    assert {p.name for p in found.beaten} == set(everything) - set(front)
    xs = [p.x for p in found.front]
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
    found = curve(holed())
    assert [p.name for p in found.front] == ["p2@0.5", "full"]
    assert found.missing == ("p1@0.5", "p3@0.5")
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
    text = compare({"ours": holed(), "theirs": other}, images=100)
    rows = [line.split() for line in text.splitlines()[2:]]
    assert [row[0] for row in rows] == ["size16", "p1@0.5", "p2@0.5", "p3@0.5", "full"]
    assert rows[0][3:] == ["–", "40.00", "±", "4.90"]
    assert rows[1][3:] == ["–", "–"]
    assert rows[-1][3:] == ["10.00", "±", "3.00", "30.00", "±", "4.58"]
    markdown = compare(other, style="markdown").splitlines()
    assert all(line.count("|") == 5 for line in markdown)
    assert len({len(line) for line in markdown}) == 1
    with pytest.raises(DynresError, match="Did you mean 'markdown'"):
        compare(other, style="markdwn")
