"""A published network, uploaded to the hub."""

import shutil
import tempfile
from pathlib import Path
from types import ModuleType

from keras_dynres import files, text
from keras_dynres.errors import DynresError
from keras_dynres.zoo import hub
from keras_dynres.zoo.cards import Card
from keras_dynres.zoo.places import CARD, PAGE

_TASKS = {
    "classes": "image-classification",
    "map": "image-segmentation",
    "boxes": "object-detection",
}


def push(folder: str | Path, address: str, private: bool = False) -> str:
    """Uploads a folder that `publish` filled to the hub, for `zoo.load(address)`.

    The repository is made where it is missing. Its page is the folder's, headed by what
    the hub reads: task, licence, data set, the accuracies of all instances.

    Example:

    ```python
    kd.zoo.push("published/net", "hf://org/net")
    model = kd.zoo.load("hf://org/net")
    ```

    Args:
        folder: The folder, with card, weights and page.
        address: `hf://org/name`.
        private: Whether a new repository is seen by its owners alone.

    Returns:
        The address of the repository's page.
    """
    folder = Path(folder)
    repository, revision = hub.parts(address)
    card = Card.from_json(files.read_text(folder / CARD, "a card"), folder / CARD)
    if card.weights is None or not card.weights.is_at(folder / card.weights.file):
        raise DynresError(
            "The folder lacks the weights that its card tells of, or they were "
            f"changed: publish it again. Received: {str(folder)!r}"
        )
    library = hub.library()
    api = library.HfApi(endpoint=hub.endpoint(), library_name="keras-dynres")
    with tempfile.TemporaryDirectory() as place, hub.sentences(address):
        shutil.copytree(folder, place, dirs_exist_ok=True)
        page = Path(place, PAGE)
        page.write_text(_page(library, card, address), encoding="utf-8")
        made = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=place,
            revision=revision,
            delete_patterns=f"{card.network.name}-*.npz",
            commit_message=f"{card.network.name}, {card.weights.sha256[:8]}",
        )
    return str(made)


def _page(library: ModuleType, card: Card, address: str) -> str:
    """The card's page, headed by what the hub reads of it."""
    network, menu = card.network, card.menu
    task, metric = _TASKS[network.images.task], menu.metric
    results = [
        library.EvalResult(
            task_type=task,
            dataset_type=network.images.name,
            dataset_name=network.images.name,
            metric_type=metric,
            metric_name=f"{text.head(metric)}, {instance.name}",
            metric_value=instance.measured[metric],
        )
        for instance in menu
        if metric in instance.measured
    ]
    head = library.ModelCardData(
        license=network.licence.lower(),
        library_name="keras-dynres",
        pipeline_tag=task,
        tags=["keras", "dynamic-inference", network.method, network.architecture],
        model_name=network.name if results else None,
        eval_results=results or None,
    )
    use = "\n".join(
        [
            "```python",
            "import keras_dynres as kd",
            "",
            f"model = kd.zoo.load({address!r})",
            f"card = kd.zoo.card({address!r})",
            f"answers = model.at({menu.names[0]!r}).predict(card.preprocess(pictures))",
            "print(model.menu, card.decode(answers))",
            "```",
        ]
    )
    title, rest = card.to_markdown().split("\n", 1)
    return f"---\n{head.to_yaml()}\n---\n\n{title}\n\n{use}\n{rest}"
