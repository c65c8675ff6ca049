"""Dispatch of images to the instances of a menu."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_dynres import cost, files
from keras_dynres.adapt.controller import (
    cheapest_right,
    controller,
    last_features,
    pick,
    price_for,
)
from keras_dynres.core.batches import batches, class_indices, images_of
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.evaluation.outputs import (
    part_of,
    predict_padded,
    refuse_maps,
    with_output,
)
from keras_dynres.instance import Instance


class ResizableAdapt:
    """Runs each image through the instance that suits it (Resizable-Adapt).

    Every image goes through the cheapest instance first. A controller sees the last
    feature map and names the instance to believe: this one, whose answer is there
    already, or a dearer one, which images wait for until there is a batch of them.

    It goes with any trained `DynamicModel` that gives one answer an image, and leaves
    its weights alone.

    Args:
        model: The `DynamicModel`.
        instances: What to choose from, names or `Instance`s; by default those of the
            menu that no cheaper one matches, which needs measured accuracies.
        target: An instance, or its name; dearer ones are not chosen from.
        width: Channels of the controller's convolutions.
        output: Which output is the answer, where there are several: its name, or its
            position in a list.

    Attributes:
        names: The instances to choose from, cheapest first.
        controller: The controller, a `keras.Model`.
        price: What `set_budget` found; None, as at first, gives an image to the
            instance that the controller names.

    Example:

    ```python
    adapt = kd.ResizableAdapt(model, target="s0.85-1-0.85-1")
    adapt.fit(train)
    adapt.set_budget(some_images, macs=30e6)
    print(adapt.evaluate(test))
    logits = adapt.predict(images)
    ```
    """

    def __init__(
        self,
        model: DynamicModel,
        instances: Sequence[str | Instance] | None = None,
        target: str | Instance | None = None,
        width: int = 64,
        output: str | int | None = None,
    ):
        menu = model.menu
        asked = menu.pareto() if instances is None else [menu[i] for i in instances]
        limit = float("inf") if target is None else menu[target].figure("macs")
        affordable = {i.name for i in asked if i.figure("macs") <= limit}
        self.names = [name for name in menu.names if name in affordable]
        if len(self.names) < 2:
            raise DynresError(
                "There are at least two instances to choose from. "
                f"Received: {self.names} with target={target!r}"
            )
        self.model = model
        self.width = int(width)
        self.output = output
        self._graphs = {}
        first = self._graph(self.names[0])
        refuse_maps(first.output.shape[:-1], "Choosing an instance for an image")
        features = last_features(first)
        self._first = keras.Model(first.input, [first.output, features])
        self.controller = controller(features.shape[1:], len(self.names), self.width)
        self.price = None
        self._fitted = False

    @property
    def controller_macs(self) -> int:
        """What the controller costs an image, in multiply-accumulates."""
        return cost.count(self.controller).macs

    def fit(
        self,
        data: Any,
        limit: int | None = 50_000,
        epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        verbose: str | int = "auto",
        seed: int = 0,
    ) -> keras.callbacks.History:
        """Trains the controller to name the cheapest instance that is right.

        Each image is run once through every instance; the features are kept in memory.

        Args:
            data: Images and labels that the model was trained on: arrays
                `(images, labels)` or batches of the same.
            limit: How many images to take at most: of arrays at random, of batches the
                first, which are therefore to be shuffled.
            epochs: Passes over the features.
            batch_size: Images a step.
            learning_rate: Of Adam.
            verbose: As of `keras.Model.fit`.
            seed: Seeds which images are taken of arrays.

        Returns:
            Keras' `History`.
        """
        features, labels = [], []
        for images, answers in batches(data, batch_size, limit, seed):
            classes = self._classes(answers)
            logits, last = predict_padded(self._first, images, batch_size)
            rows = [logits] + [
                predict_padded(self._graph(name), images, batch_size)
                for name in self.names[1:]
            ]
            right = np.stack([row.argmax(-1) == classes for row in rows], axis=1)
            features.append(last.astype("float16"))
            labels.append(cheapest_right(right))
        self.controller.compile(
            keras.optimizers.Adam(learning_rate),
            keras.losses.SparseCategoricalCrossentropy(),
            metrics=["accuracy"],
        )
        history = self.controller.fit(
            np.concatenate(features),
            np.concatenate(labels),
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
        )
        self._fitted, self.price = True, None
        return history

    def set_budget(self, images: Any, macs: float, batch_size: int = 128) -> float:
        """Spends so many multiply-accumulates on the mean image.

        A dearer instance is then chosen where the controller holds it for likelier to
        be right by so much as its cost is worth, and what that is worth follows from
        the budget. The controller knows no budget: it need not learn anew.

        Args:
            images: Images such as will be met, an array or batches; labels are not
                needed.
            macs: What the mean image may cost, all included, as in `evaluate`.
            batch_size: Images a step.

        Returns:
            What the mean of these images costs.
        """
        costs, least = self._costs(), self._least()
        shares = np.concatenate(
            [self._shares(p, batch_size)[1] for p in images_of(images, batch_size)]
        )
        if not macs >= least:  # So that NaN is refused too.
            raise DynresError(
                f"Every image costs the first instance and the controller, {least:.4g} "
                f"multiply-accumulates. Received: macs={macs:.4g}"
            )
        self.price = price_for(shares, costs, macs - least)
        return float(least + costs[pick(shares, costs, self.price)].mean())

    def predict(self, images: Any, batch_size: int = 128) -> np.ndarray:
        """The logits of each image, in the images' order.

        Args:
            images: An array, or batches of images.
            batch_size: Images a step, of one instance.

        Returns:
            A NumPy array, (images, classes).
        """
        return self._dispatched(images_of(images, batch_size), batch_size)[0]

    def choose(self, images: Any, batch_size: int = 128) -> list[str]:
        """The name of the instance each image is given."""
        chosen = []
        for part in images_of(images, batch_size):
            chosen.extend(self._chosen(part, batch_size)[1])
        return [self.names[number] for number in chosen]

    def evaluate(self, data: Any, batch_size: int = 128) -> dict[str, Any]:
        """Accuracy and cost over labelled images.

        Args:
            data: Arrays `(images, labels)` or batches of the same.
            batch_size: Images a step.

        Returns:
            A dict: `accuracy`; `macs`, the mean cost of an image, the first instance
            and the controller included; `shares`, how many images each instance was
            given.
        """
        classes = []

        def images():
            for part, answers in batches(data, batch_size):
                classes.append(self._classes(answers))
                yield part

        logits, chosen = self._dispatched(images(), batch_size)
        shares = np.bincount(chosen, minlength=len(self.names)) / len(chosen)
        return {
            "accuracy": float((logits.argmax(-1) == np.concatenate(classes)).mean()),
            "macs": float(self._least() + shares @ self._costs()),
            "shares": dict(zip(self.names, map(float, shares), strict=True)),
        }

    def save(self, path: str | Path) -> None:
        """Writes the controller to an `.npz` file; the model is saved by itself."""
        weights = {f"w{i}": w for i, w in enumerate(self.controller.get_weights())}
        meta = {
            "names": self.names,
            "width": self.width,
            "price": self.price,
            "output": self.output,
        }
        with files.writing(path, "controller"), files.appearing(path) as file:
            np.savez(file, meta=np.array(json.dumps(meta)), **weights)

    @classmethod
    def load(cls, path: str | Path, model: DynamicModel) -> "ResizableAdapt":
        """What `save` wrote, for the model it was made for."""
        try:
            with np.load(path, allow_pickle=False) as file:
                meta = json.loads(str(file["meta"]))
                weights = [file[f"w{i}"] for i in range(len(file.files) - 1)]
            names, width = meta["names"], meta["width"]
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise DynresError(
                f"Not a controller of this package. Received: path={str(path)!r}"
            ) from error
        adapt = cls(model, names, width=width, output=meta.get("output"))
        try:
            adapt.controller.set_weights(weights)
        except ValueError as error:
            raise DynresError(
                f"The controller was made for another model than {model.name!r}. "
                f"Received: path={str(path)!r}"
            ) from error
        adapt._fitted, adapt.price = True, meta.get("price")
        return adapt

    def _graph(self, name):
        """The model of an instance, with the answer for its only output."""
        shared = self.model.at(name)  # Refuses one that is no longer calibrated.
        if name not in self._graphs:
            self._graphs[name] = with_output(shared, self.output)
        return self._graphs[name]

    def _least(self):
        """What every image costs: the first instance and the controller."""
        first = self.model.menu[self.names[0]]
        return first.figure("macs") + self.controller_macs

    def _costs(self):
        """What each instance costs beyond that."""
        later = [self.model.menu[name].figure("macs") for name in self.names[1:]]
        return np.array([0, *later], "float64")

    def _classes(self, answers):
        if answers is None:
            raise DynresError("The images need labels. Received: data without labels.")
        return class_indices(part_of(answers, self.output, "label"))

    def _shares(self, images, batch_size):
        """The first instance's logits, and what the controller says."""
        if not self._fitted:
            raise DynresError("The controller is not trained yet: call fit first.")
        logits, features = predict_padded(self._first, images, batch_size)
        return logits, predict_padded(self.controller, features, batch_size)

    def _chosen(self, images, batch_size):
        """The first instance's logits, and which instance each image is given."""
        logits, shares = self._shares(images, batch_size)
        return logits, pick(shares, self._costs(), self.price)

    def _dispatched(self, parts, batch_size):
        """Logits and choices of all images, in their order."""
        done, waiting = {}, {number: [] for number in range(1, len(self.names))}
        chosen = []
        for images in parts:
            logits, choice = self._chosen(images, batch_size)
            for image, row, number in zip(images, logits, choice, strict=True):
                place = len(chosen)
                chosen.append(number)
                if number == 0:
                    done[place] = row
                    continue
                waiting[number].append((place, image))
                if len(waiting[number]) == batch_size:
                    done.update(self._caught_up(number, waiting[number], batch_size))
                    waiting[number] = []
        for number, rest in waiting.items():
            done.update(self._caught_up(number, rest, batch_size))
        rows = np.stack([done[place] for place in range(len(chosen))])
        return rows, np.array(chosen)

    def _caught_up(self, number, waiting, batch_size):
        """{place: logits} of the images that waited for an instance."""
        if not waiting:
            return {}
        places, images = zip(*waiting, strict=True)
        graph = self._graph(self.names[number])
        logits = predict_padded(graph, np.stack(images), batch_size)
        return dict(zip(places, logits, strict=True))
