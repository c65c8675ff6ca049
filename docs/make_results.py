"""Writes docs/results.md and its charts: the cards' networks beside each other.

python docs/make_results.py

A section for each data set of which two networks ship, with what else was trained on
it, and one of the small table. The text around them is `results.md.jinja`; its figures
are the cards' and the benchmarks'.
"""

import dataclasses
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import jinja2
from page_tables import stands

import keras_dynres as kd
from keras_dynres import text
from keras_dynres.data import Dataset
from keras_dynres.evaluation import Curve, Score
from keras_dynres.evaluation.svg import svg
from keras_dynres.instance import FULL, Instance, Menu
from keras_dynres.methods import METHODS
from keras_dynres.zoo import Card, Network, figures, small_table
from keras_dynres.zoo.places import CARD, SHIPPED
from keras_dynres.zoo.runs import Run, mean

DOCS = Path(__file__).parent
PAGE, CHARTS = DOCS / "results.md", DOCS / "results"
SMALL_TABLE = "../benchmarks/small_table.md"
PLAIN = METHODS["plain"].__name__
SMALL_SIZE = 64
# What errs this many times as often as the plain network stands in the table alone.
WORST = 2


@dataclasses.dataclass(frozen=True)
class Line:
    """A network's row and curve.

    Args:
        network: Its name.
        method: Its method's class.
        menu: Its instances.
        page: Where its figures stand.
        more: Further cells by their columns.
        limit: Half of the plain network's MACs.
    """

    network: str
    method: str
    menu: Menu
    page: str
    more: Mapping[str, str]
    limit: float = 0

    @property
    def full(self) -> Instance:
        """The undiminished instance, or the dearest where there is none."""
        return self.menu.full if FULL in self.menu else self._rated[-1]

    @property
    def half(self) -> Instance | None:
        """The best at half of the plain network's MACs."""
        fitting = [i for i in self._rated if i.figure("macs") <= self.limit]
        return max(fitting, key=self.rating) if fitting else None

    @property
    def cheapest(self) -> Instance | None:
        """The cheapest, where there are several."""
        return self._rated[0] if len(self._rated) > 1 else None

    def rating(self, instance: Instance) -> float:
        """The figure by which the menu chooses."""
        return instance.figure(self.menu.metric)

    def figure(self, instance: Instance | None) -> str:
        """An instance's error, or other rating, and its MMACs."""
        if instance is None:
            return text.UNKNOWN
        rating = figures.cell(self.menu.metric, self.rating(instance))
        return f"{rating} at {instance.figure('macs') / 1e6:.1f}"

    @property
    def _rated(self) -> list[Instance]:
        rated = [i for i in self.menu if self.rating(i) is not None]
        return sorted(rated, key=lambda i: i.figure("macs"))


class Section:
    """The networks of a data set, the plain one first.

    Args:
        images: The data set.
        lines: The `Line`s.
    """

    def __init__(self, images: Dataset, lines: Iterable[Line]) -> None:
        lines = sorted(lines, key=lambda line: line.method != PLAIN)
        self.plain = lines[0] if lines[0].method == PLAIN else None
        # Where no plain network ships the dearest one stands in for it.
        rivals = [self.plain] if self.plain else lines
        limit = max(line.full.figure("macs") for line in rivals) / 2
        self.images, self.metric = images, lines[0].menu.metric
        self.lines = [dataclasses.replace(line, limit=limit) for line in lines]

    @property
    def title(self) -> str:
        """The data set, and how large its images are."""
        return f"{self.images.name} at {max(self.images.shape)} pixels"

    @property
    def file(self) -> str:
        """Where the chart is, from the page."""
        return f"{CHARTS.name}/{self.title.replace(' ', '_')}.svg"

    @property
    def margin(self) -> str:
        """How surely the first network's figure is known, in points."""
        line = self.lines[0]
        score = Score(line.rating(line.full), self.images.test_images)
        return f"{100 * score.stderr:.2f}"

    def table(self) -> str:
        """The networks' figures in Markdown."""
        rating, half = figures.head(self.metric), self.lines[0].limit / 1e6
        head = ["network", "method", f"full: {rating} at MMACs"]
        head += [f"best within {half:.1f} MMACs", "cheapest", *self.lines[0].more]
        rows = [
            [
                f"[{line.network}]({line.page})",
                line.method,
                *map(line.figure, (line.full, line.half, line.cheapest)),
                *line.more.values(),
            ]
            for line in self.lines
        ]
        return text.grid(head, rows, "markdown", left=2)

    def chart(self) -> str:
        """The text of the chart."""
        metric = "error" if text.is_accuracy(self.metric) else self.metric
        curves = [curve for curve in map(self._curve, self.lines) if curve.front]
        label = f"{self.title}: {text.head(metric)} against multiply-accumulates"
        return svg(curves, "macs", metric, label, chosen=self.plain and PLAIN)

    def _curve(self, line: Line) -> Curve:
        """The line's front; of an accuracy its errors, those that are not too large."""
        points = kd.evaluation.curve(line.menu).front
        if text.is_accuracy(self.metric):
            first = self.lines[0]
            worst = WORST * (1 - first.rating(first.full))
            errors = [dataclasses.replace(p, y=100 * (1 - p.y)) for p in points]
            points = [point for point in errors if point.y <= 100 * worst]
        if line is self.lines[0] and self.plain:
            points = [dataclasses.replace(point, name=PLAIN) for point in points]
        return Curve(self._label(line), tuple(points), (), ())

    def _label(self, line: Line) -> str:
        """The method; of several networks of one method their names."""
        methods = [other.method for other in self.lines]
        if methods.count(line.method) == 1 or line is self.lines[0]:
            return line.method
        return line.network.partition(f"_{self.images.name}")[0]


def sections() -> list[Section]:
    """The data sets of which two networks ship, those of more networks first."""
    groups = defaultdict(list)
    for path in sorted(SHIPPED.glob(f"*/{CARD}")):
        card = kd.zoo.card(path.parent.name)
        groups[_key(card.network)].append(card)
    told = defaultdict(list)
    for runs in recorded():
        told[_key(runs[0].network)].append(run_line(runs))
    return [
        Section(
            cards[0].network.images,
            itertools.chain(*map(card_lines, cards), told[key]),
        )
        for key, cards in sorted(
            groups.items(), key=lambda group: len(group[1]), reverse=True
        )
        if len(cards) > 1
    ]


def small(variants: bool = False) -> Section:
    """The methods of the small table, each by its own recipe.

    Args:
        variants: Whether to add the networks that change a method's recipe.
    """
    groups = [runs for runs in recorded() if runs[0].network.images.size == SMALL_SIZE]
    images = groups[0][0].network.images
    # A change stands behind the data set in a name.
    own = f"{images.name}_{images.size}"
    shown = [runs for runs in groups if variants or runs[0].network.name.endswith(own)]
    return Section(images, map(small_line, shown))


def recorded() -> list[list[Run]]:
    """The runs of each network that was trained for its figures and does not ship."""
    groups = defaultdict(list)
    for run in small_table.runs():
        groups[run.network.name].append(run)
    return list(groups.values())


def card_lines(card: Card) -> Iterator[Line]:
    """A card's network, the same with images stopped by thresholds, its baseline."""
    network, results = card.network, card.results
    page, method = f"../zoo/{network.name}/README.md", METHODS[network.method].__name__
    hours = results.get("training", {}).get("hours")
    more = {"weights": figures.size(card.weights.size)}
    more["hours"] = _hours(hours, network.starts_from)
    yield Line(network.name, method, card.menu, page, more)
    metric = card.menu.metric
    if "budgets" in results:
        menu = _stopped(results["budgets"], metric)
        yield Line(network.name, f"{method}, images stopped", menu, page, more)
    baseline = results.get("baseline", {})
    if "network" in baseline:
        rating = {metric: 1 - baseline["error %"] / 100}
        menu = Menu([Instance(FULL, macs=1e6 * baseline["MMACs"], measured=rating)])
        more = {"weights": text.UNKNOWN, "hours": _hours(baseline["hours"])}
        yield Line(baseline["network"], PLAIN, menu, page, more)


def small_line(runs: list[Run]) -> Line:
    """The mean of a small network's trainings."""
    minutes = f"{mean(runs).seconds / 60:.0f}"
    return run_line(runs, {"trainings": str(len(runs)), "minutes": minutes})


def run_line(runs: list[Run], more: Mapping[str, str] | None = None) -> Line:
    """The mean of the trainings of a network that does not ship."""
    run = mean(runs)
    if more is None:
        hours = _hours(round(run.seconds / 3600, 2), run.network.starts_from)
        more = {"weights": text.UNKNOWN, "hours": hours}
    method = METHODS[run.network.method].__name__
    return Line(run.network.name, method, run.menu, SMALL_TABLE, more)


def texts() -> dict[Path, str]:
    """The page and its charts, by their paths."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DOCS),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    shown = [*sections(), small()]
    known = [line for one in (*shown, small(True)) for line in one.lines]

    def figure(network: str, name: str) -> str:
        lines = [line for line in known if line.network == network]
        line = next((line for line in lines if name in line.menu), lines[0])
        instance = line.menu[name] if name in line.menu else getattr(line, name)
        value, _, cost = line.figure(instance).partition(" at ")
        return f"[{value} % at {cost} MMACs]({line.page})"

    template = environment.get_template(f"{PAGE.name}.jinja")
    page = template.render(
        sections=shown[:-1],
        small=shown[-1],
        trained=len(small(True).lines),
        figure=figure,
        at=at,
        worst=WORST,
    )
    return {PAGE: page, **{DOCS / one.file: one.chart() for one in shown}}


def at(page: str, place: str) -> str:
    """The figure that stands at a place of a page, as a link to it."""
    there = stands((DOCS / page).read_text("utf-8"), place)
    return f"[{re.match(r'[^ ]+', there)[0]}]({page})"


def _key(network: Network) -> tuple[str, tuple[int, ...]]:
    """Its images: those of one name and shape make a section."""
    return network.images.name, network.images.shape


def _hours(hours: float | None, source: str = "") -> str:
    """How long a training took, and whose weights it began with."""
    start = Path(source).parent.name if source.endswith(".keras") else source
    told = text.UNKNOWN if hours is None else f"{hours:g}"
    return f"{told}, after {start}" if start else told


def _stopped(budgets: Iterable[Mapping[str, float]], metric: str) -> Menu:
    """Budgets for many images, which leave at the exits that thresholds say."""
    return Menu(
        (
            Instance(
                f"budget {row['budget (MMACs)']:.3g}",
                macs=1e6 * row["cost on test images"],
                measured={metric: row["accuracy % of these"] / 100},
            )
            for row in budgets
        ),
        metric,
    )


if __name__ == "__main__":
    CHARTS.mkdir(exist_ok=True)
    for old in CHARTS.iterdir():
        old.unlink()
    for path, content in texts().items():
        path.write_text(content, encoding="utf-8")
        print(f"Wrote {path}.")
