"""The part of objective space where a new result makes the hypervolume larger, by BoTorch, which is loaded on use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["improving_boxes", "inferred_reference"]

Vector = NDArray[np.float64]


def inferred_reference(losses: Vector) -> Vector:
    """A reference point a tenth of the extent beyond the worst values, by BoTorch's `infer_reference_point`.

    That is meant for a front. Here it is given all results: a tenth beyond a front that is short as yet, there is
    nothing to be won by making it longer. Of a single result it is a tenth of each value beyond it.

    Args:
        losses: Shape (rows, objectives), at least one row.

    Returns:
        Shape (objectives,).
    """
    import torch
    from botorch.utils.multi_objective.hypervolume import infer_reference_point

    made: Vector = -infer_reference_point(torch.as_tensor(-losses)).numpy()
    return made


def improving_boxes(losses: Vector, reference: Vector) -> tuple[Vector, Vector]:
    """What is better than the reference point and not dominated, cut into boxes (Lacour et al. 2017).

    Args:
        losses: Shape (rows, objectives): the results so far; there may be none.
        reference: Shape (objectives,).

    Returns:
        The boxes' lower and upper corners, each of the shape (boxes, objectives); lower ones may be infinite.
    """
    import torch
    from botorch.utils.multi_objective.box_decompositions import FastNondominatedPartitioning

    boxes = FastNondominatedPartitioning(ref_point=torch.as_tensor(-reference), Y=torch.as_tensor(-losses))
    low, high = boxes.get_hypercell_bounds().numpy()
    return -high, -low
