"""Networks with several exits; an instance is an exit."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres import graph
from keras_dynres.core.distillation import divergence
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.core.plan import Joint
from keras_dynres.errors import DynresError, one_of
from keras_dynres.exits import checks, rules, runs, stages, stops
from keras_dynres.exits.answers import Answers
from keras_dynres.exits.policy import Policy
from keras_dynres.instance import FULL, Instance, Menu


class ExitModel(DynamicModel):
    """A network with several outputs, each good for a prediction; base of methods.

    The instances are `exit1`, `exit2` and so on; `full` is the last exit. A step
    trains all exits at once by the weighted sum of their losses, with one label, and
    `fit` and `evaluate` show the metrics of each. `predict` gives the last exit's
    predictions; `anytime`, `predict_within` and `predict_dynamic` stop earlier.

    An output may be a row of logits or probabilities, or a map of them. Policies, which
    go by how sure an exit is of an image's class, want rows.

    Args:
        base: A functional `keras.Model` with an output for each exit, in order.
        exit_weights: What each exit's loss counts: `"uniform"` for 1 each; a budget
            distribution (`"exponential"`, `"normal"`, or a dict as
            `keras_dynres.exits.budget_distribution` takes it) for the probability that
            the budget ends after that exit, times their number; or a list.
        distillation: Weight of the divergence between each earlier exit and the
            last one's softened prediction, added to the earlier exits' losses.
        temperature: Softens the predictions that are distilled.
        policies: What a saved model knew of solved budgets, as `Policy.get_config`
            tells it.
        **kwargs: `seed`, `menu`, `name` of `DynamicModel`.
    """

    def __init__(
        self,
        base: keras.Model,
        exit_weights: str | Mapping | Sequence[float] = "uniform",
        distillation: float = 0.0,
        temperature: float = 3.0,
        policies: Sequence[Mapping] = (),
        **kwargs: Any,
    ) -> None:
        base = graph.as_functional(base)
        if len(base.outputs) < 2:
            raise DynresError(
                "The base needs an output for each exit, two at least. "
                f"Received: {base.name!r} with {len(base.outputs)}."
            )
        if distillation < 0 or temperature <= 0:
            raise DynresError(
                "distillation is at least 0 and temperature above 0. Received: "
                f"distillation={distillation}, temperature={temperature}."
            )
        super().__init__(base, **kwargs)
        self.plan = Joint(FULL, self.instances, self.seed)
        self._kept = _Kept(exit_weights, [Policy.from_config(p) for p in policies])
        self.distillation = float(distillation)
        self.temperature = float(temperature)
        self.exit_weights = stops.exit_weights(exit_weights, self.exit_costs())
        self.from_logits = not graph.gives_probabilities(base)

    # === What a method says ===

    def define_instances(self) -> list[Instance]:
        """The exits; the last is `full`, and known by its number too."""
        last = len(self.exits)
        return [
            Instance(
                FULL if number == last else name,
                {"exit": number},
                output=number - 1,
                aliases=(name,) if number == last else (),
            )
            for number, name in enumerate(self.exits, 1)
        ]

    # === Exits and the stages between them ===

    @property
    def exits(self) -> list[str]:
        """Names of the exits in order, the last one by its number."""
        return [f"exit{number}" for number in range(1, len(self.base.outputs) + 1)]

    def stages(self) -> list[stages.Stage]:
        """The parts between one exit and the next, as `stages.split` cuts them."""
        kept = self._kept
        if kept.parts is None:
            kept.parts = stages.split(self.graph)
        return kept.parts

    def exit_costs(self, unit: str = "macs") -> list[int]:
        """MACs (or FLOPs) of an image that leaves at each exit, those before included.

        Args:
            unit: `"macs"` or `"flops"`.
        """
        return stages.costs(self.stages(), one_of("unit", unit, ("macs", "flops")))

    def exit_times(self, images: np.ndarray) -> list[float]:
        """Milliseconds an image until each exit, measured on this batch, here."""
        return self._runs().times(images)

    def every_exit(self, images: np.ndarray) -> list[np.ndarray]:
        """A list of the predictions of all exits, computed at once."""
        return keras.tree.flatten(self.base.predict(images, verbose=0))

    # === Answers in time ===

    def anytime(self, images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Yields (exit, predictions) as soon as each exit is computed.

        Nothing is computed twice and nothing ahead: what is not asked for is not
        computed.

        Example:

        ```python
        for exit, logits in model.anytime(images):
            if time_is_up():
                break
        ```
        """
        yield from zip(self.exits, self._runs().anytime(images), strict=True)

    def predict_within(
        self, images: np.ndarray, milliseconds: float
    ) -> tuple[str, np.ndarray]:
        """The predictions of the last exit that was ready in time.

        Args:
            images: A batch of images. Its stages are compiled before the clock runs.
            milliseconds: How long to wait.

        Returns:
            (exit, predictions).
        """
        position, outputs = self._runs().within(images, milliseconds)
        return self.exits[position], outputs

    # === A batch under one budget ===

    def predict_dynamic(
        self,
        images: np.ndarray,
        policy: Policy,
        batch_size: int = 256,
        return_exits: bool = False,
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predictions that stop at the first exit a policy trusts.

        Images that have left are taken out of the batch before the next stage runs.

        Args:
            images: An array of images.
            policy: A `Policy` of `solve_budget`.
            batch_size: Images that go through the first stage together.
            return_exits: Whether to return the exit each image left at, too.

        Returns:
            The outputs in the images' order; with `return_exits`, also an array of
            positions in `exits`.
        """
        self._refuse_maps()
        policy.check(self.name, self.exits, None)
        outputs, left = self._runs().dynamic(np.asarray(images), policy, batch_size)
        return (outputs, left) if return_exits else outputs

    def solve_budget(
        self,
        validation_data: Any,
        macs: float | Sequence[float] | None = None,
        latency_ms: float | Sequence[float] | None = None,
        rule: str = "best",
        held_out: Mapping | None = None,
        verbose: str | int = "auto",
    ) -> Policy | list[Policy]:
        """Thresholds that are as accurate on the images of a batch as a budget allows.

        Easy images leave early, and what they save is spent on the others. By the
        rule `"best"` a budget is spent as far as it gains something: a larger one is
        never less accurate on the held-out images. The policy is kept with the model
        (`policies`) until its weights change.

        Args:
            validation_data: Images and labels the model was not trained on: arrays, or
                a dataset of batches.
            macs: Mean multiply-accumulates an image; or a list of such budgets.
            latency_ms: Or mean milliseconds an image, measured here on the batches.
            rule: `"geometric"`, the paper's, and `"searched"`, thresholds searched for
                accuracy, spend the whole budget; `"best"` takes the better of the two
                under this budget or a smaller one.
            held_out: A dict that says which images these are, kept in the policy.
            verbose: 0 silences the progress bar.

        Returns:
            A `keras_dynres.exits.Policy`; a list of them for a list.
        """
        if (macs is None) == (latency_ms is None):
            raise DynresError(
                "A budget is macs= or latency_ms=, one of them. "
                f"Received: macs={macs}, latency_ms={latency_ms}."
            )
        one_of("rule", rule, rules.RULES)
        answers = self._answers(validation_data, verbose)
        times = None if latency_ms is None else self.exit_times(answers.first)
        budgets = macs if latency_ms is None else latency_ms
        policies = answers.solve(budgets, rule, times, held_out)
        self._kept.policies.extend(policies)
        return policies[0] if np.ndim(budgets) == 0 else policies

    def evaluate_policies(
        self,
        data: Any,
        policies: Sequence[Policy] | None = None,
        verbose: str | int = "auto",
        about: str = "test images",
    ) -> Menu:
        """What policies cost and get on images they were not fitted to.

        Args:
            data: Images and labels: arrays, or a dataset of batches.
            policies: By default those the model keeps.
            verbose: 0 silences the progress bar.
            about: Says which images these are, beside the averages in the menu.

        Returns:
            A `Menu` of `budget1`, `budget2` and on: average costs and accuracy of
            these images, beside the budget and what the held-out images cost and got.
        """
        policies = self.policies if policies is None else list(policies)
        if not policies:
            raise DynresError(
                "There is no policy to evaluate: solve a budget first (solve_budget). "
                "Received: policies=[]."
            )
        for policy in policies:
            policy.check(self.name, self.exits, self.exit_costs())
        return self._answers(data, verbose).budgeted(policies, about)

    def budget_curve(
        self,
        validation_data: Any,
        test_data: Any,
        points: int = 20,
        rule: str = "best",
        verbose: str | int = "auto",
        about: str = "test images",
    ) -> dict[str, Menu]:
        """Accuracy against cost on the test images, anytime and under budgets.

        Example:

        ```python
        kd.evaluation.plot(model.budget_curve(held_out, test), "curves.png")
        ```

        Args:
            validation_data: Images and labels, in arrays or batches, the thresholds
                are fitted to.
            test_data: Images and labels that costs and accuracies are measured on.
            points: How many budgets, evenly from the first exit's cost to the last's.
            rule: As in `solve_budget`.
            verbose: 0 silences the progress bar.
            about: Says which images the test images are.

        Returns:
            A dict of two menus: `"anytime"`, an instance for each exit, and
            `"budgeted"`, one for each budget, with what an image cost on average.
            Exits before the one taken are paid for in both.
        """
        one_of("rule", rule, rules.RULES)
        checks.points(points)
        held_out = self._answers(validation_data, verbose)
        seen = self._answers(test_data, verbose)
        budgets = np.linspace(seen.macs[0], seen.macs[-1], points)
        policies = held_out.solve(budgets, rule)
        return {"anytime": seen.anytime(), "budgeted": seen.budgeted(policies, about)}

    def expected_accuracy(
        self,
        budget_distribution: str | Mapping | Sequence[float],
        data: Any,
        verbose: str | int = "auto",
    ) -> float:
        """Accuracy when a stop may come at any time, as the distribution says.

        Args:
            budget_distribution: `"uniform"`, `"exponential"`, `"normal"`, a dict of
                one of these and its mean, or a weight for each exit; see
                `keras_dynres.exits.budget_distribution`.
            data: Images and labels: arrays, or a dataset of batches.
            verbose: 0 silences the progress bar.
        """
        weights = stops.budget_distribution(budget_distribution, self.exit_costs())
        return stops.expected_accuracy(self._answers(data, verbose).accuracies, weights)

    def add_policy(self, policy: Policy) -> None:
        """Keeps a policy that was solved for these weights earlier."""
        self._refuse_maps()
        policy.check(self.name, self.exits, self.exit_costs())
        self._kept.policies.append(policy)

    @property
    def policies(self) -> list[Policy]:
        """The policies that were solved since the weights last changed."""
        return list(self._kept.policies)

    # === Keras ===

    @property
    def output_names(self) -> list[str]:
        """Names of the exits: what Keras puts before each metric."""
        return self.exits

    def call(self, inputs: Any, training: bool | None = None) -> list:
        """A list of all exits' predictions."""
        return keras.tree.flatten(self.base(inputs, training=training))

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        """The last exit's predictions, as `at("full")` gives them."""
        return self.at(FULL).predict(x, *args, **kwargs)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """Keras' own; loss and metrics apply to every exit."""
        count = len(self.exits)
        kwargs.setdefault("loss_weights", list(self.exit_weights))
        super().compile(
            optimizer,
            loss=[loss] * count,
            metrics=_for_every_exit(metrics, count),
            weighted_metrics=_for_every_exit(weighted_metrics, count),
            **kwargs,
        )

    def get_compile_config(self) -> dict | None:
        """What `compile` was given."""
        config = super().get_compile_config()
        if config:
            for key in ("loss", "metrics", "weighted_metrics"):
                config[key] = config[key] and config[key][0]
        return config

    def compile_from_config(self, config: dict) -> None:
        """Compiles as a saved model was."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The weighted sum of the exits' losses, and what distillation adds."""
        labels = [y] * len(y_pred)
        loss = super().compute_loss(x, labels, y_pred, sample_weight, training)
        if self.distillation and training:
            apart = divergence(
                y_pred, self.exit_weights, self.temperature, self.from_logits
            )
            loss = loss + self.distillation * apart
        return loss

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict:
        """The metrics of each exit, named after it."""
        return super().compute_metrics(x, [y] * len(y_pred), y_pred, sample_weight)

    def make_train_function(self, force: bool = False) -> None:
        """As for any method; what was solved for the old weights is dropped."""
        self._kept.policies.clear()
        super().make_train_function(force)

    def get_config(self) -> dict:
        """The arguments of `__init__`."""
        config = super().get_config()
        del config["statistics"]
        return {
            **config,
            "exit_weights": self._kept.weights,
            "distillation": self.distillation,
            "temperature": self.temperature,
            "policies": [policy.get_config() for policy in self._kept.policies],
        }

    # === Private ===

    def _runs(self) -> runs.StagedRuns:
        return runs.StagedRuns(self.stages(), self.from_logits)

    def _answers(self, data: Any, verbose: str | int) -> Answers:
        self._refuse_maps()

        def predict(images):
            outputs = self.every_exit(images)
            return [runs.probabilities(rows, self.from_logits) for rows in outputs]

        facts = {"macs": self.exit_costs(), "flops": self.exit_costs("flops")}
        facts.update(exits=self.exits, model=self.name)
        return Answers.of(predict, data, bool(verbose), **facts)

    def _refuse_maps(self) -> None:
        shapes = [tuple(output.shape) for output in self.base.outputs]
        if any(len(shape) != 2 for shape in shapes):
            raise DynresError(
                "Whether an image may leave is told by one row of class scores, so "
                "policies and expected accuracy want exits that give rows. "
                f"Received: {self.name!r} with outputs of shapes {shapes}."
            )


def stages_of(model: keras.Model) -> list[stages.Stage]:
    """The stages of a model with exits; an empty list for any other.

    >>> base = kd.architectures.wide_resnet(depth=10, width=1)
    >>> kd.exits.stages_of(kd.SDPoint(base))
    []
    """
    return model.stages() if isinstance(model, ExitModel) else []


def policies_of(model: keras.Model) -> list[Policy]:
    """The policies a model with exits keeps; an empty list for any other."""
    return model.policies if isinstance(model, ExitModel) else []


def names_of(model: keras.Model) -> list[str]:
    """Names of a model's exits in order; an empty list where there are none."""
    return model.exits if isinstance(model, ExitModel) else []


@dataclasses.dataclass
class _Kept:
    """What a model keeps of its exits and Keras must not track."""

    weights: str | Mapping | Sequence[float]
    policies: list[Policy]
    parts: list[stages.Stage] | None = None


def _for_every_exit(metrics: Any, count: int) -> Any:
    """A list of the metrics for each exit, each metric an object of its own."""
    if not metrics:
        return metrics
    flat = keras.tree.flatten(metrics)
    return [[m if isinstance(m, str) else _copy(m) for m in flat] for _ in range(count)]


def _copy(metric: Any) -> Any:
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
