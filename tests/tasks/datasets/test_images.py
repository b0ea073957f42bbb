import itertools
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from archwright.errors import TaskError
from archwright.tasks import ImageDataset, from_images
from archwright.tasks.datasets import images as module


def draw(path, number=0, size=(8, 8), mode="L"):
    """An image of one grey, which is its number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, number).convert(mode).save(path)


def fill(folder, classes=("cat", "dog"), count=10, start=0, **options):
    for label, name in enumerate(classes):
        for index in range(count):
            draw(folder / name / f"{index:02}.png", start + label * count + index, **options)
    return folder


def greys(part):
    return [int(pixels.flatten()[0]) for pixels, _ in part]


def test_a_subfolder_is_a_class(tmp_path):
    task = from_images(fill(tmp_path / "pets"), standardize=False)
    assert isinstance(task.train, ImageDataset)
    assert (task.name, task.classes, task.input_shape) == ("pets", ("cat", "dog"), (1, 8, 8))
    parts = [greys(part) for part in (task.train, task.validation, task.test)]
    assert sorted(itertools.chain(*parts)) == list(range(20))
    for part in (task.train, task.validation, task.test):
        assert [grey // 10 for grey in greys(part)] == [label.item() for _, label in part]
    assert task.split.source == "split at random"


def test_the_order_is_that_of_the_names(tmp_path):
    for name in ("b.png", "a.png", "C.png", "sub/d.png"):
        draw(tmp_path / "x" / name, ord(name[-5]))
    fill(tmp_path, ["y"])
    loaded = module._load([path for path, _ in module._parts(tmp_path)["train"]], 8, 8, 1, False)
    assert [chr(pixel) for pixel in loaded[:4, 0, 0, 0]] == ["C", "a", "b", "d"]


def test_colours_are_found_and_can_be_said(tmp_path):
    fill(tmp_path)
    assert from_images(tmp_path).input_shape == (1, 8, 8)
    assert from_images(tmp_path, color=True).input_shape == (3, 8, 8)
    draw(tmp_path / "cat" / "color.png", 7, mode="RGB")
    assert from_images(tmp_path).input_shape == (3, 8, 8)
    assert "RGB pixels" in from_images(tmp_path).preprocessing.note
    assert from_images(tmp_path, color=False).input_shape == (1, 8, 8)


def test_red_green_and_blue_come_in_this_order_and_rows_before_columns(tmp_path):
    fill(tmp_path)
    pixels = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    assert (module._pixels(tmp_path / "one.png", 8, 6, 3, False) == pixels.transpose(2, 0, 1)).all()


def test_grey_of_16_bits_keeps_its_values(tmp_path):
    """As X-rays have: a few hundred levels of 65,536."""
    for label, low in (("well", 100), ("ill", 150)):
        for index in range(10):
            path = tmp_path / label / f"{index}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(np.full((4, 4), low + index, np.uint16)).save(path)
    draw(tmp_path / "ill" / "plain.png", 51, (4, 4))
    task = from_images(tmp_path, standardize=False, color=False)
    found = sorted(
        pixels.flatten()[0].item() for part in (task.train, task.validation, task.test) for pixels, _ in part
    )
    assert found == [*range(100, 110), *range(150, 160), 51 * 257]
    assert "grey pixels from 0 to 65535" in task.preprocessing.note
    draw(tmp_path / "ill" / "colour.tif", 51, (4, 4), mode="RGB")
    assert from_images(tmp_path).input_shape == (3, 4, 4)
    Image.fromarray(np.full((4, 4), 70_000, np.int32)).save(tmp_path / "ill" / "deeper.tif")
    with pytest.raises(TaskError, match=r"deeper.tif: expected grey of 16 bits.*got 70000 to 70000"):
        from_images(tmp_path)


def test_grey_of_16_bits_is_resized_without_loss(tmp_path):
    ramp = np.tile(np.arange(0, 400, 10, dtype=np.uint16), (40, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    small = module._pixels(tmp_path / "ramp.png", 10, 10, 1, True)[0]
    np.testing.assert_allclose(small[0, 2:8], np.arange(10)[2:8] * 40 + 15, atol=1)


def png_of_16_bit_colours(values):
    """A PNG file of shape (height, width, 3): Pillow cannot write one."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_colours_of_16_bits_that_would_be_lost_are_refused(tmp_path):
    values = np.arange(8 * 8 * 3, dtype=np.uint16).reshape(8, 8, 3)
    (tmp_path / "dark.png").write_bytes(png_of_16_bit_colours(values))
    (tmp_path / "bright.png").write_bytes(png_of_16_bit_colours(values * 300))
    with pytest.raises(TaskError, match=r"dark.png: of its colours of 16 bits the upper 8 are read"):
        module._pixels(tmp_path / "dark.png", 8, 8, 3, False)
    assert (
        module._pixels(tmp_path / "bright.png", 8, 8, 3, False) == (values * 300 >> 8).transpose(2, 0, 1)
    ).all()


def drawing(ink, background=None):
    """A bar of ink on nothing."""
    picture = Image.new("RGBA", (8, 8), (*ink, 0))
    picture.paste((*ink, 255), (2, 0, 4, 8))
    return picture


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_ink_on_nothing_is_seen_on_white(tmp_path, mode):
    picture = drawing((0, 0, 0))
    options = {}
    if mode == "P":
        picture = picture.convert("RGBA").quantize(8)
        options = {} if "transparency" in picture.info else {"transparency": 0}
    elif mode == "RGB":  # one colour stands for nothing
        picture = Image.alpha_composite(Image.new("RGBA", (8, 8), (1, 2, 3, 255)), picture).convert("RGB")
        options = {"transparency": (1, 2, 3)}
    else:
        picture = picture.convert(mode)
    picture.save(tmp_path / "ink.png", **options)
    expected = np.full((8, 8), 255)
    expected[:, 2:4] = 0
    assert (module._pixels(tmp_path / "ink.png", 8, 8, 1, False)[0] == expected).all()
    assert (module._pixels(tmp_path / "ink.png", 8, 8, 3, False) == expected).all()


def test_what_cannot_be_seen_on_white_is_refused_and_the_opaque_is_as_it_was(tmp_path):
    drawing((255, 255, 255)).save(tmp_path / "white.png")
    with pytest.raises(TaskError, match=r"white.png: white on nothing.*another background"):
        module._pixels(tmp_path / "white.png", 8, 8, 3, False)
    Image.new("RGBA", (8, 8), (255, 255, 255, 255)).save(tmp_path / "blank.png")
    assert (module._pixels(tmp_path / "blank.png", 8, 8, 3, False) == 255).all()
    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(colours).convert("RGBA").save(tmp_path / "opaque.png")
    assert (module._pixels(tmp_path / "opaque.png", 8, 8, 3, False) == colours.transpose(2, 0, 1)).all()
    fill(tmp_path / "all")
    assert "white" not in from_images(tmp_path / "all").preprocessing.note
    drawing((0, 0, 0)).save(tmp_path / "all" / "cat" / "ink.png")
    assert "laid on white" in from_images(tmp_path / "all").preprocessing.note


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_on_its_side_has_the_size_that_is_seen(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for index in range(10):
        path = tmp_path / "ab"[index % 2] / f"{index}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 40), (index, 0, 0)).save(path, exif=exif)
    assert from_images(tmp_path).input_shape == ((3, 20, 40) if orientation >= 5 else (3, 40, 20))


def test_photographs_are_turned_upright(tmp_path):
    pixels = np.zeros((4, 4), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    assert module._pixels(tmp_path / "turned.png", 4, 4, 1, False)[0, 3, 0] == 255


@pytest.mark.parametrize(
    ("sizes", "size", "expected"),
    [
        ([(8, 6)], None, (6, 8)),
        ([(64, 64)], None, (64, 64)),
        ([(65, 64)], None, (32, 32)),
        ([(8, 8), (9, 8)], None, (32, 32)),
        ([(8, 8)], 5, (5, 5)),
        ([(8, 8)], (5, 7), (5, 7)),
    ],
)
def test_the_size_is_picked_or_said(tmp_path, sizes, size, expected):
    for index in range(8):
        draw(tmp_path / "ab"[index % 2] / f"{index}.png", index, sizes[index % len(sizes)])
    task = from_images(tmp_path, size=size)
    assert task.input_shape[1:] == expected
    assert f"{expected[0]} x {expected[1]}" in task.preprocessing.note


@pytest.mark.parametrize("names", [("train", "test"), ("Train", "testing")])
def test_folders_of_parts_are_the_split(tmp_path, names):
    fill(tmp_path / names[0])
    fill(tmp_path / names[1], count=3, start=100)
    task = from_images(tmp_path, standardize=False)
    assert sorted(greys(task.test)) == list(range(100, 106))
    assert sorted(greys(task.train) + greys(task.validation)) == list(range(20))
    assert task.split.source == "official test set, validation split at random"


def test_a_folder_of_validation_is_used(tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "val", count=3, start=100)
    task = from_images(tmp_path, standardize=False)
    assert sorted(greys(task.validation)) == list(range(100, 106))
    fill(tmp_path / "test", count=2, start=200)
    assert from_images(tmp_path).split.source == "official validation and test sets"


def test_classes_may_be_called_train_and_test(tmp_path):
    assert from_images(fill(tmp_path, ["train", "test"])).classes == ("test", "train")
    assert from_images(fill(tmp_path, ["plane"])).classes == ("plane", "test", "train")


def test_what_is_no_image_by_its_name_is_passed_over(tmp_path):
    fill(tmp_path)
    for name in ("cat/notes.txt", "cat/.hidden.png", "readme.md", "dog/Thumbs.db", ".git/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no image")
    assert from_images(tmp_path).split.train == 12


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    fill(tmp_path)
    (tmp_path / "dog" / "broken.png").write_bytes(b"no image at all")
    with pytest.raises(TaskError, match=r"dog/broken.png: expected an image, but it cannot be read"):
        from_images(tmp_path)


def test_a_file_that_is_cut_off_is_named(tmp_path):
    fill(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99), np.uint8)).save(
        tmp_path / "cat" / "cut.png"
    )
    whole = (tmp_path / "cat" / "cut.png").read_bytes()
    (tmp_path / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TaskError, match=r"cat/cut.png: expected an image, but it cannot be read"):
        from_images(tmp_path)


def test_what_is_no_folder_of_classes_is_refused(tmp_path):
    with pytest.raises(TaskError, match=r"at least two classes, got none"):
        from_images(tmp_path)
    fill(tmp_path / "pets", ["cat"])
    with pytest.raises(TaskError, match=r"at least two classes, got cat"):
        from_images(tmp_path / "pets")
    (tmp_path / "pets" / "fish").mkdir()
    with pytest.raises(TaskError, match=r"pets/fish: expected images of the class 'fish', got none"):
        from_images(tmp_path / "pets")
    with pytest.raises(TaskError, match=r"got nothing. Did you mean 'pets'"):
        from_images(tmp_path / "pet")
    (tmp_path / "file").write_text("")
    with pytest.raises(TaskError, match=r"one subfolder a class, got a file"):
        from_images(tmp_path / "file")


def test_parts_that_do_not_fit_are_refused(tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "test", ["cat", "fish"])
    with pytest.raises(TaskError, match=r"test: class 'fish' is not in .*train"):
        from_images(tmp_path)
    fill(tmp_path / "testing")
    with pytest.raises(TaskError, match="expected one folder a part, got test, testing, train"):
        from_images(tmp_path)


@pytest.mark.parametrize("size", [0, -3, (4, 0), "32", 2.5, (1, 2, 3)])
def test_a_size_that_is_none_is_refused(tmp_path, size):
    with pytest.raises(TaskError, match="size: expected a number of pixels"):
        from_images(fill(tmp_path), size=size)


def test_too_many_pixels_are_refused_before_they_are_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MEMORY", 20 * 7 * 7 - 1)
    with pytest.raises(TaskError, match=r"20 images of 7 x 7 take .* smaller size="):
        from_images(fill(tmp_path), size=7)


def test_pixels_are_standardised_by_training(tmp_path):
    task = from_images(fill(tmp_path))
    pixels = torch.stack([pixels for pixels, _ in task.train])
    assert pixels.mean().item() == pytest.approx(0, abs=1e-5)
    assert pixels.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_classes_may_count_differently(tmp_path):
    task = from_images(fill(tmp_path), class_weights="balanced")
    counts = np.bincount([int(label) for _, label in task.train])
    np.testing.assert_allclose(task.class_weights, counts.sum() / (2 * counts), rtol=1e-6)
