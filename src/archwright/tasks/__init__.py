"""Tasks: what a network must learn. Data in three parts, a loss and metrics.

Names load when they are used, so that listing the tasks needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.lazy import imported_on_use
from archwright.tasks.registry import TASKS, make_task

if TYPE_CHECKING:
    from archwright.tasks.batches import BatchStream, DatasetStream, Part, Plan
    from archwright.tasks.classification import Classification
    from archwright.tasks.datasets.arrays import from_arrays
    from archwright.tasks.datasets.characters import characters
    from archwright.tasks.datasets.cifar import cifar10, cifar100
    from archwright.tasks.datasets.csv import from_csv
    from archwright.tasks.datasets.idx import fashion_mnist
    from archwright.tasks.datasets.images import from_images
    from archwright.tasks.datasets.mnist1d import mnist1d
    from archwright.tasks.datasets.scikit_learn import breast_cancer, diabetes, digits
    from archwright.tasks.datasets.tables import from_frame
    from archwright.tasks.datasets.text import from_text
    from archwright.tasks.datasets.torch_dataset import from_dataset
    from archwright.tasks.language import LANGUAGE_MODELLING, LanguageModelling
    from archwright.tasks.multilabel import MultiLabel
    from archwright.tasks.preprocessing import Preprocessing
    from archwright.tasks.regression import Regression
    from archwright.tasks.supervised import Supervised
    from archwright.tasks.task import Split, Task
    from archwright.tasks.views import ImageDataset, PreparedDataset

__all__ = [
    "LANGUAGE_MODELLING",
    "TASKS",
    "BatchStream",
    "Classification",
    "DatasetStream",
    "ImageDataset",
    "LanguageModelling",
    "MultiLabel",
    "Part",
    "Plan",
    "PreparedDataset",
    "Preprocessing",
    "Regression",
    "Split",
    "Supervised",
    "Task",
    "breast_cancer",
    "characters",
    "cifar10",
    "cifar100",
    "diabetes",
    "digits",
    "fashion_mnist",
    "from_arrays",
    "from_csv",
    "from_dataset",
    "from_frame",
    "from_images",
    "from_text",
    "make_task",
    "mnist1d",
]

__getattr__ = imported_on_use(__name__)
