"""``riskloom benchmark odds``: the default detector on the sets of the ODDS library, without labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from riskloom.detector.model import fit_detector
from riskloom.errors import ConfigError
from riskloom.metrics import Ranking

FloatArray = NDArray[np.float64]
SOURCE = "Rayana, ODDS Library, 2016; protocol of PyOD's published tables (Zhao, Nasrullah and Li 2019)"
SEEDS = 10
_TEST_SHARE = 0.4


@dataclass(frozen=True)
class OutlierSet:
    """One set: rows of shape (rows, features), and which of them are outliers, shape (rows,)."""

    name: str
    rows: FloatArray
    labels: NDArray[np.int8]


def register(app: typer.Typer) -> None:
    """Add the command to ``riskloom benchmark``."""
    app.command("odds")(odds)


def odds(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Directory with the sets as .mat files (X, y).")],
    seeds: Annotated[int, typer.Option(min=1, help="Random splits a set; the protocol has ten.")] = SEEDS,
    is_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """
    Measure the detector with its one configuration on outlier sets, without labels.

    Each set is split 60/40 at random and standardised on the training part; the figure is the AUC ROC on the test part,
    the mean over ten splits. No set has settings of its own.
    """
    console, found = Console(stderr=True, highlight=False), {}
    for each in read_sets(data):
        found[each.name] = float(np.mean([auc_of_split(each, seed) for seed in range(seeds)]))
        console.print(f"{each.name}: {found[each.name]:.4f}", markup=False)
    mean = float(np.mean(list(found.values())))
    if is_json:
        figures = {name: round(value, 4) for name, value in found.items()}
        typer.echo(json.dumps({"benchmark": "odds", "source": SOURCE, "mean_auc": round(mean, 4), "sets": figures}))
        return
    table = Table("set", "AUC ROC", title=f"ODDS, {len(found)} sets, {seeds} splits each")
    for name, value in [*found.items(), ("mean", mean)]:
        table.add_row(name, f"{value:.4f}")
    Console().print(table)


def auc_of_split(data: OutlierSet, seed: int) -> float:
    """AUC ROC on two fifths of a set, of a detector fitted on the other three."""
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 - as the published tables split

    train, test = train_test_split(np.arange(len(data.rows)), test_size=_TEST_SHARE, random_state=seed)
    mean, deviation = data.rows[train].mean(axis=0), data.rows[train].std(axis=0)
    rows = (data.rows - mean) / np.where(deviation > 0, deviation, 1.0)
    detector = fit_detector(rows[train], seed=seed)
    value = float(Ranking(data.labels[test], detector.score(rows[test])).roc_auc()[0])
    if np.isnan(value):
        raise ConfigError(f"{data.name}: expected outliers and others in the test part of split {seed}, found one kind")
    return value


def read_sets(folder: Path) -> Iterator[OutlierSet]:
    """
    Read every set of a directory, by name.

    Raises:
        ConfigError: There is no such directory, it holds no set, or a file is no set; names file, expected and found.
    """
    if not folder.is_dir():
        raise ConfigError(f"--data: expected a directory with .mat files, found no directory {folder}")
    paths = sorted(folder.glob("*.mat"))
    if not paths:
        raise ConfigError(f"--data: expected .mat files in {folder}, found none")
    for path in paths:
        yield read_set(path)


def read_set(path: Path) -> OutlierSet:
    """Read one set; raises as :func:`read_sets` does."""
    content = _read_mat(path)
    lacking = [name for name in ("X", "y") if name not in content]
    if lacking:
        raise ConfigError(f"{path}: expected the variables X and y, found no {' and no '.join(lacking)}")
    try:
        rows = np.asarray(content["X"], dtype=np.float64)
        labels = np.asarray(content["y"], dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: expected numbers in X and y, found {error}") from error
    if rows.ndim != 2 or len(rows) != len(labels) or not rows.size:  # noqa: PLR2004
        raise ConfigError(f"{path}: expected as many rows in X as in y, found {rows.shape} and {labels.shape}")
    if set(np.unique(labels)) != {0.0, 1.0}:
        raise ConfigError(f"{path}: y: expected 0 and 1, found {np.unique(labels)[:5].tolist()}")
    return OutlierSet(path.stem, rows, labels.astype(np.int8))


def _read_mat(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB file, whichever way scipy finds it broken."""
    from scipy.io import loadmat  # noqa: PLC0415

    try:
        content: dict[str, Any] = loadmat(path)
    except Exception as error:  # scipy's reader raises whatever the bytes make it trip over
        raise ConfigError(f"{path}: expected a MATLAB file, found {error or type(error).__name__}") from error
    return content
