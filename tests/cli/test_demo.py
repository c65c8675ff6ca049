"""demo: a network's menu, its file, what it says of drawn pictures, a report."""

import dataclasses

import pytest

from keras_dynres import zoo
from keras_dynres_cli import drawings
from keras_dynres_cli.commands import demo

pytestmark = pytest.mark.tensorflow

SHEET = "calls drawn pictures"


@pytest.fixture
def pretend(monkeypatch, model):
    """The small model passes for a network of the zoo."""

    def pretend(name, **changes):
        network = dataclasses.replace(zoo.Network.load(name), **changes)
        card = zoo.Card(network, menu=model.menu)
        monkeypatch.setattr(zoo, "card", lambda _: card)
        monkeypatch.setattr(zoo, "load", lambda _: model)
        return ["demo", "--name", name, "--repeats", "2"]

    return pretend


def test_demo_shows_what_drawings_are_called(run, pretend, monkeypatch, tmp_path):
    few = drawings.of_classes(["golf_ball", "parachute"])
    monkeypatch.setattr(drawings, "of_classes", lambda labels: few)
    folder = tmp_path / "demo"
    command = pretend(demo.SHIPPED, image_size=32)
    code, out, _ = run(*command, "--out_dir", folder, "--budget_ms", "1e9")
    assert code == 0
    assert "on 3 drawn pictures" in out
    head = next(line for line in out.splitlines() if line.startswith("drawn"))
    assert head.split() == ["drawn", "p1@0.5", "full"]
    (row,) = (line for line in out.splitlines() if line.startswith("golf ball "))
    # Answers of two instances that were not trained.
    assert row.count("%") == 2
    assert ("wrong" in row) == (row.count("golf ball") < 3)
    assert demo.PHOTOGRAPHS in out
    assert SHEET in (folder / "report.html").read_text("utf-8")


def test_demo_of_classes_that_are_not_drawn(run, pretend, model, tmp_path):
    folder = tmp_path / "demo"
    command = [*pretend("sdpoint_wrn16_2_cifar10"), "--out_dir", folder]
    code, out, _ = run(*command)
    assert code == 0
    assert str(model.menu) in out
    assert "on 16 synthetic pictures" in out
    assert "2 signatures agree" in out
    assert "No picture is drawn" in out
    assert (folder / "net.tflite").is_file()
    page = (folder / "report.html").read_text("utf-8")
    assert "Accuracy against latency" in page
    assert "chosen" in page
    assert SHEET not in page
    # Once more, over what is there.
    assert run(*command)[0] == 0


def test_demo_refuses(fails, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in fails("demo", "--out_dir", tmp_path / "file" / "demo")
    out = ["--out_dir", tmp_path / "demo"]
    assert "'sdpoint_wrn16_2_cifar10'" in fails(
        "demo", "--name", "sdpoint_wrn16_2_cifar1", *out
    )
    said = fails("demo", "--name", "sdpoint_wrn28_10_cifar10", *out)
    assert "keras-dynres train" in said


def test_synthetic_images_are_always_the_same():
    first, second = (demo.synthetic_images(3, (20, 30, 3)) for _ in range(2))
    assert first.shape == (3, 20, 30, 3)
    assert (first == second).all()
    assert 0.5 < first.std() < 1.5
