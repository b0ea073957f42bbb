import pytest
import torch

from archwright.errors import UsageError
from archwright.learning import Recipe
from archwright.learning.augmentation import (
    augment,
    flip,
    noise,
    shift,
)
from archwright.learning.checks import check_recipe
from archwright.tasks import from_arrays


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def moved(image, down, right):
    """One image moved by hand, its border repeated; shape (C, H, W)."""
    _, height, width = image.shape
    rows = [min(max(row - down, 0), height - 1) for row in range(height)]
    columns = [min(max(column - right, 0), width - 1) for column in range(width)]
    return image[:, rows][:, :, columns]


def test_shift_moves_each_image_by_at_most_an_eighth():
    images = torch.randn(60, 2, 16, 8)
    seen = set()
    for image, changed in zip(images, shift(images, generator()), strict=True):
        fits = [
            (down, right)
            for down in (-2, -1, 0, 1, 2)
            for right in (-1, 0, 1)
            if torch.equal(moved(image, down, right), changed)
        ]
        assert len(fits) == 1
        seen.add(fits[0])
    assert {down for down, _ in seen} == {-2, -1, 0, 1, 2}
    assert {right for _, right in seen} == {-1, 0, 1}


def test_shift_of_signals_keeps_the_order_of_the_values():
    signals = torch.arange(40.0).repeat(30, 3, 1)
    changed = shift(signals, generator())
    steps = changed[:, 0, 20] - 20
    assert set(steps.tolist()) == {float(step) for step in range(-5, 6)}
    inner = changed[:, :, 5:-5] - signals[:, :, 5:-5]
    assert torch.equal(inner, steps[:, None, None].expand_as(inner))


@pytest.mark.parametrize("shape", [(200, 2, 7), (200, 1, 4, 5)])
def test_flip_mirrors_about_half_of_the_examples(shape):
    inputs = torch.randn(shape)
    changed = flip(inputs, generator())
    is_same = [torch.equal(a, b) for a, b in zip(inputs, changed, strict=True)]
    is_mirrored = [torch.equal(a.flip(-1), b) for a, b in zip(inputs, changed, strict=True)]
    assert all(same != mirrored for same, mirrored in zip(is_same, is_mirrored, strict=True))
    assert 70 < sum(is_mirrored) < 130


def test_noise_is_a_tenth_of_the_standard_deviation():
    inputs = 5.0 + 3.0 * torch.randn(500, 20, generator=generator(1))
    added = noise(inputs, generator()) - inputs
    assert added.std().item() == pytest.approx(0.3, rel=0.05)
    assert added.mean().item() == pytest.approx(0.0, abs=0.02)


def test_the_same_generator_gives_the_same_changes_and_the_inputs_are_not_touched():
    inputs = torch.randn(8, 1, 8, 8)
    before = inputs.clone()
    names = ("shift", "flip", "noise")
    first = generator()
    changed = augment(inputs, names, first)
    assert torch.equal(changed, augment(inputs, names, generator()))
    assert not torch.equal(changed, augment(inputs, names, generator(1)))
    assert not torch.equal(changed, augment(inputs, names, first))
    assert torch.equal(inputs, before)
    assert augment(inputs, (), generator()) is inputs


def test_tables_can_have_noise_alone():
    table, signals = (
        from_arrays(torch.randn(40, *shape), torch.arange(40) % 2) for shape in ((30,), (3, 40))
    )
    check_recipe(Recipe(augmentation="noise"), table)
    check_recipe(Recipe(augmentation="shift+flip+noise"), signals)
    with pytest.raises(UsageError, match=r"'flip' needs inputs of shape.*got \(30,\).*'noise' or 'none'"):
        check_recipe(Recipe(augmentation="flip"), table)
