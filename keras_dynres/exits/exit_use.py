"""What a network with exits is good for: answers in time, and under a budget."""

import numpy as np

from keras_dynres.exits import budgeting, stages
from keras_dynres.exits.staged import StagedRuns


class ExitUse:
    """The half of `ExitModel` that needs no training; see there."""

    @property
    def exits(self):
        """Names of the exits in order, the last one by its number."""
        return list(self._exits)

    def stages(self):
        """The parts between one exit and the next, as `stages.split` cuts them."""
        if self._known.stages is None:
            self._known.stages = stages.split(self.graph)
        return self._known.stages

    def exit_costs(self):
        """MACs of an image that leaves at each exit, the exits before it included."""
        return budgeting.stage_costs(self.stages())

    def anytime(self, images):
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
        yield from zip(self._exits, self._runs().anytime(images), strict=True)

    def exit_times(self, images):
        """Milliseconds an image until each exit, measured on this batch, here."""
        return budgeting.stage_times(self, images)

    def predict_within(self, images, milliseconds):
        """The predictions of the last exit that was ready in time.

        Args:
            images: A batch of images. Its stages are compiled before the clock runs.
            milliseconds: How long to wait.

        Returns:
            (exit, predictions).
        """
        position, outputs = self._runs().within(images, milliseconds)
        return self._exits[position], outputs

    def predict_dynamic(self, images, policy, batch_size=256, return_exits=False):
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
        policy.check(self.name, self._exits, None)
        runs, images = self._runs(), np.asarray(images)
        starts = range(0, max(len(images), 1), batch_size)
        parts = [runs.dynamic(images[i : i + batch_size], policy) for i in starts]
        outputs, left = (np.concatenate(each) for each in zip(*parts, strict=True))
        return (outputs, left) if return_exits else outputs

    def solve_budget(
        self,
        validation_data,
        macs=None,
        latency_ms=None,
        rule="best",
        held_out=None,
        verbose="auto",
    ):
        """Thresholds that spend a budget on the images of a batch.

        Easy images leave early, and what they save is spent on the others. The
        policy is kept with the model (`policies`) until its weights change.

        Args:
            validation_data: Images and labels the model was not trained on: a
                dataset of batches.
            macs: Mean multiply-accumulates an image; or a list of such budgets.
            latency_ms: Or mean milliseconds an image, measured here on the batches.
            rule: `"geometric"`, the paper's; `"searched"`, thresholds searched for
                accuracy; `"best"`, the better of the two on held-out images.
            held_out: A dict that says which images these are, kept in the policy.
            verbose: 0 silences the progress bar.

        Returns:
            A `keras_dynres.exits.Policy`; a list of them for a list.
        """
        asked = macs, latency_ms
        policies = budgeting.solve(
            self, validation_data, *asked, rule, held_out, bool(verbose)
        )
        self._known.policies.extend(policies)
        one = np.ndim(macs if latency_ms is None else latency_ms) == 0
        return policies[0] if one else policies

    def evaluate_policies(self, data, policies=None, verbose="auto"):
        """What policies cost and get on images they were not fitted to.

        Args:
            data: A dataset of batches.
            policies: By default those the model keeps.
            verbose: 0 silences the progress bar.

        Returns:
            A `Menu` of `budget1`, `budget2` and on: mean costs and accuracy of these
            images, beside the budget and what the held-out images cost and got.
        """
        policies = self.policies if policies is None else list(policies)
        return budgeting.worth(self, policies, data, bool(verbose))

    def budget_curve(
        self, validation_data, test_data, points=20, rule="best", verbose="auto"
    ):
        """Accuracy against cost on the test images, anytime and under budgets.

        Example:

        ```python
        kd.evaluation.plot(model.budget_curve(held_out, test), "curves.png")
        ```

        Args:
            validation_data: A dataset of batches the thresholds are fitted to.
            test_data: A dataset of batches that costs and accuracies are measured on.
            points: How many budgets, evenly from the first exit's cost to the last's.
            rule: As in `solve_budget`.
            verbose: 0 silences the progress bar.

        Returns:
            A dict of two menus: `"anytime"`, an instance for each exit, and
            `"budgeted"`, one for each budget, which costs what an image cost on
            average. Exits before the one taken are paid for in both.
        """
        both = validation_data, test_data
        return budgeting.curves(self, *both, points, rule, bool(verbose))

    def expected_accuracy(self, budget_distribution, data, verbose="auto"):
        """Accuracy when a stop may come at any time, as the distribution says.

        Args:
            budget_distribution: `"uniform"`, `"exponential"`, `"normal"` or a weight
                for each exit; see `keras_dynres.exits.budget_distribution`.
            data: A dataset of batches.
            verbose: 0 silences the progress bar.
        """
        return budgeting.expected_accuracy(
            self, budget_distribution, data, bool(verbose)
        )

    def add_policy(self, policy):
        """Keeps a policy that was solved for these weights earlier."""
        policy.check(self.name, self._exits, self.exit_costs())
        self._known.policies.append(policy)

    @property
    def policies(self):
        """The policies that were solved since the weights last changed."""
        return list(self._known.policies)

    def every_exit(self, images):
        """A list of the predictions of all exits, computed at once."""
        return self.base.predict(images, verbose=0)

    def _runs(self):
        return StagedRuns(self.stages(), self.from_logits)
