"""list, info and report: commands that only look."""

import pytest

import keras_dynres as kd
import keras_dynres_cli as cli
from keras_dynres import Menu, architectures, methods, zoo

ZOO = "sdpoint_wrn16_2_cifar10"


def test_list_has_every_name(run):
    code, out, _ = run("list")
    assert code == 0
    lines = [line.split()[0] for line in out.splitlines()]
    for name in [*zoo.list(), *methods.METHODS]:
        assert name in lines


def test_list_of_a_kind_is_names_alone(run):
    assert run("list", "zoo")[1].split() == list(zoo.list())


def test_list_of_an_unknown_kind(fails):
    assert fails("list", "method").endswith("Did you mean 'methods'?")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("wrn16_2_cifar10", "weight_decay"),
        ("densenet_bc", "growth"),
        ("multi_scale", "sizes"),
        ("cifar100", "test_images"),
    ],
)
def test_info_of_names(run, name, says):
    code, out, _ = run("info", name)
    assert code == 0
    assert says in out


def test_info_counts_what_no_card_tells(run, monkeypatch, model):
    monkeypatch.setattr(zoo, "card", lambda name: zoo.Card(_entry()))
    monkeypatch.setattr(zoo, "load", lambda name, weights: model)
    code, out, err = run("info", ZOO)
    assert code == 0
    assert str(model.menu) in out
    assert "Counting" in err


def test_info_of_a_file_is_its_menu(run, keras_file, menu_file):
    for path in (keras_file, menu_file):
        code, out, _ = run("info", path)
        assert code == 0
        assert "75.00 %" in out
    saved = Menu.from_json(run("info", keras_file, "--json")[1])
    assert saved.full.measured["accuracy"] == 0.75


def test_info_of_an_unknown_name_names_what_is_near(fails):
    assert "'wide_resnet'" in fails("info", "wide_resent")


def test_info_of_files_that_are_not_what_they_say(fails, tmp_path):
    for name in ("cut.keras", "cut.npz", "cut.json", "cut.csv", "cut.tflite"):
        path = tmp_path / name
        for content in (b"PK", b"\xff{}"):
            path.write_bytes(content)
            assert "Traceback" not in fails("info", path)
    assert "does not exist" in fails("info", tmp_path / "none.keras")
    assert "is a folder" in fails("evaluate", _made(tmp_path / "folder.keras"))


def test_report_compares_menus_and_marks_the_choice(run, menu_file, tmp_path, model):
    other = tmp_path / "other.csv"
    model.menu.to_csv(other)
    page = tmp_path / "new" / "page.html"
    code, out, _ = run(
        *("report", f"ours={menu_file}", f"theirs={other}", "-o", page),
        *("--budget", "macs=1e9", "--title", "Two menus", "--images", "100"),
    )
    assert code == 0
    assert str(page) in out
    text = page.read_text("utf-8")
    assert "<h1>Two menus</h1>" in text
    assert "theirs" in text
    assert "chosen" in text


def test_report_of_a_zoo_network_shows_its_card(run, monkeypatch, tmp_path, model):
    card = zoo.Card(_entry(), menu=model.menu, results={"seeds": 3})
    monkeypatch.setattr(zoo, "card", lambda name: card)
    page = tmp_path / "page.html"
    assert run("report", ZOO, "-o", page)[0] == 0
    text = page.read_text("utf-8")
    assert "Model card" in text
    assert "Apache-2.0" in text


def test_report_shows_what_a_network_samples(run, fails, keras_file, tmp_path):
    base = architectures.resnet(8, (32, 32, 3), classes=10, channels=(4, 8, 8))
    model = kd.Sampled(base, densities=(0.5,))
    for instance in model.menu:
        model.menu.record(instance.name, accuracy=0.5)
    path, page = tmp_path / "net.keras", tmp_path / "page.html"
    model.save(path)
    on = ("--masks", "--dataset", "synthetic", "--batch_size", "4", "-o", page)
    assert run("report", path, *on)[0] == 0
    assert "Points that sampled samples" in page.read_text("utf-8")
    assert "the method 'sampled'" in fails("report", keras_file, *on)


def test_report_refuses(fails, menu_file, tmp_path):
    page = tmp_path / "page.html"
    assert "'macs'" in fails("report", menu_file, "-o", page, "--budget", "mac=1")
    assert "cheapest" in fails("report", menu_file, "-o", page, "--budget", "macs=1")
    assert "'.html'" in fails("report", menu_file, "-o", tmp_path / "page.htlm")
    assert "does not exist" in fails("report", tmp_path / "none.csv", "-o", page)
    assert not page.exists()


def test_an_output_that_cannot_be_written_is_refused_first(fails, menu_file, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    said = fails("report", menu_file, "-o", blocked / "page.html")
    assert said.startswith("The folder cannot be written: File exists.")


def test_main_is_what_its_docstring_shows(capsys):
    assert cli.main(["list", "methods"]) == 0
    assert capsys.readouterr().out == "\n".join(methods.METHODS) + "\n"


def _entry():
    return zoo.Network.load(ZOO)


def _made(path):
    path.mkdir()
    return path
