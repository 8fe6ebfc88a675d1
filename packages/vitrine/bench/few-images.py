"""The defaults of `vitrine train` on few images, beside ridge regression and nearest neighbours on pixels.

    python few-images.py --data cifar10.tar.gz [--classes airplane,frog,ship] [--images 10,30,100] [--draws 3] [--out FOLDER]
        [--flags "--recipe FILE"]

The data are an archive with train/<class>/ and test/<class>/. For each number of images a class and each draw of them, the
command trains on a folder of the images with no other flag than those of --flags, and is measured on all test images of the
classes. Ridge regression takes its penalty, and the neighbours' vote its k of 1 and 5, by five-fold cross-validation. The
table has the difference from the better of both (by the same folds), and the 95 % interval of its mean over the draws (Student's
t). --out keeps runs and results, and a second call goes on from there. numpy and Pillow are needed, and a build of the command.
"""

import argparse
import json
import math
import random
import shlex
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

COMMAND = Path(__file__).parents[3] / "apps/cli/bin/vitrine.js"
PENALTIES = 10.0 ** np.arange(-2, 7)
# The 97.5 % quantile of Student's t for 1, 2, … degrees of freedom.
QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
             2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042)


def pixels(files: list[Path]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(file).convert("RGB"), np.float64).ravel() / 255 for file in files])


def ridge(x: np.ndarray, y: np.ndarray, test: np.ndarray, penalty: float) -> np.ndarray:
    mean = x.mean(0)
    targets = np.where(np.arange(y.max() + 1) == y[:, None], 1.0, -1.0)
    offset = targets.mean(0)
    centred = x - mean
    dual = np.linalg.solve(centred @ centred.T + penalty * np.eye(len(x)), targets - offset)
    return ((test - mean) @ (centred.T @ dual) + offset).argmax(1)


def neighbours(x: np.ndarray, y: np.ndarray, test: np.ndarray, k: int) -> np.ndarray:
    distances = (test**2).sum(1)[:, None] - 2 * test @ x.T + (x**2).sum(1)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :k]
    votes = np.stack([(y[nearest] == label).sum(1) for label in range(y.max() + 1)], 1).astype(np.float64)
    # Of equal votes the nearest image decides.
    votes[np.arange(len(test)), y[nearest[:, 0]]] += 0.5
    return votes.argmax(1)


CLASSIFIERS = [(f"ridge {penalty:g}", lambda x, y, t, penalty=penalty: ridge(x, y, t, penalty)) for penalty in PENALTIES]
CLASSIFIERS += [(f"{k} nearest", lambda x, y, t, k=k: neighbours(x, y, t, k)) for k in (1, 5)]


def on_pixels(train: list[tuple[Path, int]], test: list[tuple[Path, int]], seed: int) -> tuple[str, float]:
    """The accuracy of the classifier on pixels that five-fold cross-validation chooses."""
    x, y = pixels([file for file, _ in train]), np.array([label for _, label in train])
    fold = np.empty(len(y), int)
    order = np.random.RandomState(seed)
    for label in range(y.max() + 1):
        places = order.permutation(np.flatnonzero(y == label))
        fold[places] = np.arange(len(places)) % 5
    rights = {
        name: sum((predict(x[fold != i], y[fold != i], x[fold == i]) == y[fold == i]).sum() for i in range(5))
        for name, predict in CLASSIFIERS
    }
    name = max(rights, key=rights.__getitem__)
    truth = np.array([label for _, label in test])
    answer = dict(CLASSIFIERS)[name](x, y, pixels([file for file, _ in test]))
    return name, float((answer == truth).mean())


def vitrine(*words: str) -> str:
    done = subprocess.run(["node", COMMAND, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"vitrine {' '.join(words)}: {done.stderr}")
    return done.stdout


def trained(folder: Path, run: Path, tests: Path, flags: list[str]) -> tuple[float, float]:
    """The accuracy on the test images of a run on a folder, and its seconds."""
    start = time.time()
    vitrine("train", "--data", str(folder), "--out", str(run), *flags)
    seconds = time.time() - start
    return json.loads(vitrine("eval", "--model", str(run), "--data", str(tests), "--json"))["top1"], seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--classes", default="airplane,frog,ship")
    parser.add_argument("--images", default="10,30,100")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--flags", default="")
    parser.add_argument("--out")
    options = parser.parse_args()
    out = Path(options.out or tempfile.mkdtemp())
    names = sorted(options.classes.split(","))
    images = out / "images"
    if not images.exists():
        with tarfile.open(options.data) as archive:
            members = [m for m in archive.getmembers() if m.isfile() and Path(m.name).parent.name in names]
            archive.extractall(images, members, filter="data")
    test = [(file, label) for label, name in enumerate(names) for file in sorted((images / "test" / name).iterdir())]
    print(f"{', '.join(names)}: {len(test)} test images\n")
    print("| images a class | pixels | vitrine train | difference | 95 % interval | seconds |\n|---|---|---|---|---|---|")
    for count in map(int, options.images.split(",")):
        rows = []
        for draw in range(options.draws):
            place = out / f"{count}-{draw}"
            result = place / "result.json"
            if not result.exists():
                pick = random.Random(f"{count} {draw}")
                train = []
                for label, name in enumerate(names):
                    for file in pick.sample(sorted((images / "train" / name).iterdir()), count):
                        link = place / "data" / name / file.name
                        link.parent.mkdir(parents=True, exist_ok=True)
                        if not link.exists():
                            link.hardlink_to(file)
                        train.append((file, label))
                chosen, baseline = on_pixels(train, test, draw)
                accuracy, seconds = trained(place / "data", place / "run", images / "test", shlex.split(options.flags))
                result.write_text(json.dumps([baseline, accuracy, seconds, chosen]))
            rows.append(json.loads(result.read_text()))
            print(f"{count} a class, draw {draw}: {rows[-1]}", file=sys.stderr, flush=True)
        baselines, accuracies, seconds = (np.array([row[i] for row in rows]) for i in range(3))
        differences = 100 * (accuracies - baselines)
        cells = [f"{100 * values.mean():.1f} %" for values in (baselines, accuracies)]
        margin = "–"
        if len(rows) > 1:
            half = QUANTILES[min(len(rows) - 1, len(QUANTILES)) - 1] * differences.std(ddof=1) / math.sqrt(len(rows))
            margin = f"{differences.mean() - half:+.1f} … {differences.mean() + half:+.1f}"
        print(f"| {count} | {' | '.join(cells)} | {differences.mean():+.1f} | {margin} | {seconds.mean():.0f} |", flush=True)


if __name__ == "__main__":
    main()
