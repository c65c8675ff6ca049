import base64
import html.parser
import json
import os
import re
from itertools import pairwise

import pytest

from keras_dynres import DynresError, Instance, Menu
from keras_dynres.evaluation import environment, plot, report
from keras_dynres.evaluation._chart import ticks
from keras_dynres.text import amount

VOID = {"meta", "img", "input"}


class Page(html.parser.HTMLParser):
    """Reads a report: balanced tags, attributes that fetch, rows, text."""

    def __init__(self, path):
        super().__init__()
        self.open, self.fetched, self.rows, self.text = [], [], [], []
        self.classes = []
        self.source = path.read_text("utf-8")
        self.feed(self.source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        for key, value in attrs:
            if key in ("src", "href", "srcset", "data", "action", "xlink:href"):
                self.fetched.append(value)
        if tag == "tr":
            self.rows.append([])
            self.classes.append(dict(attrs).get("class", ""))
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, content):
        self.text.append(content)
        if "tr" in self.open:
            self.rows[-1][-1] += content


def test_holds_every_instance_and_fetches_nothing(tmp_path, random_menu):
    menu = random_menu(4)
    figure = plot(menu, tmp_path / "curve.png")
    path = report(
        {"ours": menu, "theirs": random_menu(5)},
        tmp_path / "report.html",
        card={"paper": "https://example.org/x", "parts": {"a": [1, 2], "b": None}},
        figures={"Curve": figure, "Again": tmp_path / "curve.png"},
        images=100,
    )
    page = Page(path)
    assert {row[0] for row in page.rows[1:]} == set(menu.names)
    assert len(page.rows) == len(menu) + 1
    assert len(page.fetched) == 2
    for value in page.fetched:
        head, _, content = value.partition(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(content).startswith(b"\x89PNG")
    assert not re.search(r"url\(|@import|<link|<iframe", page.source)
    assert "default-src 'none'" in page.source
    for instance in menu:
        accuracy = f"{100 * instance.measured['accuracy']:.2f} %"
        row = next(r for r in page.rows if r[0] == instance.name)
        assert any(accuracy in cell for cell in row)
        assert f">{instance.name}: {accuracy} at " in page.source


def test_text_is_escaped(tmp_path):
    evil = "<script>alert('x')</script> & \"q\""
    menu = Menu([Instance(evil, macs=5, measured={"accuracy": 0.5, evil: 1.0})])
    path = report(
        {evil: menu, "b": menu},
        tmp_path / "r.html",
        card={evil: [evil, {"k": evil}]},
        title=evil,
        machine={"CPU": evil},
        budget={"macs": 10},
    )
    page = Page(path)
    assert page.source.count("<script") == 1
    assert evil in "".join(page.text)


def test_the_choice_within_the_budget_is_marked(tmp_path, random_menu):
    menu = random_menu(6)
    times = {name: {"median_ms": i + 1.0} for i, name in enumerate(menu.names)}
    before = str(menu)
    path = report(menu, tmp_path / "r.html", latency=times, budget={"latency_ms": 5})
    page = Page(path)
    best = max(menu.names[:5], key=lambda n: menu[n].measured["accuracy"])
    chosen = [r for r, c in zip(page.rows, page.classes, strict=True) if "chosen" in c]
    best = menu[best].measured["accuracy"]
    assert len(chosen) == 1 and chosen[0][0].endswith("chosen")
    assert menu[chosen[0][0].removesuffix("chosen")].measured["accuracy"] == best
    assert "The choice within 5 ms" in page.source
    assert page.source.count('class="ring"') == 4
    assert str(menu) == before


def test_settings_are_told_in_words(tmp_path):
    settings = {"point": "stage1_block2_add", "ratio": 0.5}
    small = Instance("p2@0.5", settings, macs=3, measured={"accuracy": 0.8})
    menu = Menu([Instance("full", macs=9, measured={"accuracy": 0.9}), small])
    page = Page(report(menu, tmp_path / "r.html", budget={"macs": 5}))
    words = "pooled to 0.5 after stage 1, block 2"
    assert [row[0] for row in page.rows[1:]] == [f"p2@0.5chosen{words}", "full"]
    assert f"p2@0.5: {words}." in page.text
    assert "stage1_block2_add" not in page.source


def test_unmeasured_instances_are_named_and_kept_in_the_table(tmp_path):
    menu = Menu(
        [
            Instance("full", macs=9, flops=18, measured={"accuracy": 0.9}),
            Instance("p1@0.5", macs=3, flops=6, measured={"accuracy": float("nan")}),
            Instance("p2@0.5", macs=4, flops=8),
        ]
    )
    page = Page(report(menu, tmp_path / "r.html", budget={"macs": 10}))
    assert "2 instances are left out because nothing was measured" in page.source
    assert [row[0] for row in page.rows[1:]] == ["p1@0.5", "p2@0.5", "fullchosen"]
    assert page.rows[1][2] == "–"
    assert "nan" not in page.source[: page.source.index("<script")].lower()
    bare = Menu([Instance("full", macs=9), Instance("p1@0.5", macs=3)])
    page = Page(report(bare, tmp_path / "r.html"))
    assert "model.evaluate_menu(data)" in page.source
    assert "<svg" not in page.source and len(page.rows) == 3


def test_one_instance_and_equal_accuracies_still_draw(tmp_path):
    one = Menu([Instance("full", macs=9, measured={"accuracy": 1.0})])
    assert "<svg" in Page(report(one, tmp_path / "r.html", images=10)).source


def test_bad_input_gets_a_sentence_and_leaves_no_file(tmp_path, random_menu):
    menu, path = random_menu(1), tmp_path / "r.html"
    with pytest.raises(DynresError, match="the cheapest is"):
        report(menu, path, budget={"macs": 10})
    with pytest.raises(DynresError, match="Did you mean 'macs'"):
        report(menu, path, budget={"mac": 10})
    with pytest.raises(DynresError, match="Did you mean 'full'"):
        report(menu, path, latency={"ful": 3})
    with pytest.raises(DynresError, match="number of milliseconds.*'fast' for 'full'"):
        report(menu, path, latency={"full": "fast"})
    with pytest.raises(DynresError, match="cannot be read.*no.png"):
        report(menu, path, figures={"A": tmp_path / "no.png"})
    with pytest.raises(DynresError, match="picture format"):
        report(menu, path, figures={"A": "x.gif"})
    assert not list(tmp_path.iterdir())


def test_a_browser_sorts_the_table_and_keeps_the_front(browser, tmp_path):
    figures = {"a": (9, 0.9, 2.0), "b": (5, 0.7, 3.0), "c": (7, 0.6, 10.0)}
    menu = Menu(
        Instance(name, macs=macs, measured={"accuracy": accuracy, "latency_ms": time})
        for name, (macs, accuracy, time) in figures.items()
    )
    menu = Menu([*menu, Instance("d", macs=8)])
    browser.get(report(menu, tmp_path / "r.html").as_uri())

    def rows():
        shown = "[...document.querySelectorAll('tbody tr')].filter(r => r.offsetHeight)"
        return browser.execute_script(f"return {shown}.map(r => r.cells[0].innerText)")

    def press(head):
        script = f"document.querySelectorAll('th button')[{head}].click()"
        browser.execute_script(script)
        return rows()

    assert rows() == ["b", "c", "d", "a"]
    assert press(2) == ["c", "b", "a", "d"]  # Accuracy; what is unknown comes last.
    assert press(2) == ["a", "b", "c", "d"]
    assert press(3) == ["a", "b", "c", "d"]  # Milliseconds, as numbers.
    assert press(0) == ["a", "b", "c", "d"]
    browser.execute_script("document.getElementById('only').click()")
    assert rows() == ["a", "b"]
    errors = [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert not errors


def test_environment_names_versions_and_processor():
    machine = environment()
    assert machine["keras"] and machine["CPU"] and int(machine["Cores"]) > 0


def test_environment_counts_the_cores_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3}, raising=False)
    assert environment()["Cores"] == "1"


def test_the_menus_own_figure_and_costs_on_average(tmp_path):
    average = {"macs": 4e6, "macs_spread": 1e6, "images": 50}
    measured = [{"mean_iou": 0.8, "accuracy": 0.9}, {"mean_iou": 0.7, "accuracy": 0.8}]
    menu = Menu(
        [
            Instance("full", macs=9_000_000, measured=measured[0]),
            Instance("sampled", macs=9_500_000, measured=measured[1], average=average),
        ]
    )
    menu.metric = "mean_iou"
    path = report(menu, tmp_path / "r.html", budget={"macs": 5e6}, images=100)
    page = Page(path)
    assert page.rows[0][:3] == ["Instance", "MACs", "Mean IoU"]
    sampled = ["sampledchosen", "4 M on average", "70.00 %", "80.00 % ± 4.00"]
    assert page.rows[2] == sampled
    assert "Mean IoU against cost" in page.text and "Mean IoU (%)" in page.source
    assert "sampled: 70.00 % at 4 M on average" in page.source
    assert ", on average where images differ" in page.source
    assert "the mean over the images it was measured on" in page.source
    assert 'style="--part:44%"' in page.source
    assert "the best full with 80.00 %" in page.source
    loss = Page(report(menu, tmp_path / "r.html", metric="accuracy"))
    assert "Accuracy against cost" in loss.text
    one = Menu([Instance("full", macs=9, measured={"psnr": 31.5})])
    page = Page(report(one, tmp_path / "r.html", metric="psnr", images=10))
    assert "full: 31.5 at 9" in page.source and page.rows[1][2] == "31.5"
    assert "on average" not in page.source


class JsonCard:
    def to_json(self):
        return json.dumps(
            {
                "format": 1,
                "licence": "Apache-2.0",
                "weights": None,
                "menu": {"instances": ["hidden"]},
                "uniform_bn": {"full": {"accuracy": 0.5}, "half": {"accuracy": 0.25}},
                "labels": [f"label {i}" for i in range(30)],
            }
        )


def test_a_card_that_writes_itself_as_json(tmp_path, random_menu):
    menu = random_menu(1)
    page = Page(report(menu, tmp_path / "r.html", card=JsonCard()))
    assert "Apache-2.0" in page.text and "hidden" not in page.source
    assert ["half", "0.25"] in page.rows
    assert "30 entries" in page.text and "Weights" not in page.text
    with pytest.raises(DynresError, match="Received: a list"):
        report(menu, tmp_path / "r.html", card=["x"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (999_600, "1.00 M"),
        (8.218e9, "8.22 G"),
        (36.5e6, "36.5 M"),
    ],
)
def test_amounts_keep_three_digits(value, text):
    assert amount(value) == text


@pytest.mark.parametrize("span", [(0, 41), (0.87, 0.93), (86.4, 94.1), (0, 5.3e9)])
def test_ticks_are_few_round_and_inside(span):
    marks = ticks(*span, 6)
    assert 3 <= len(marks) <= 7
    assert span[0] <= marks[0] and marks[-1] <= span[1]
    steps = {round((b - a) / (marks[1] - marks[0]), 6) for a, b in pairwise(marks)}
    assert steps == {1}
