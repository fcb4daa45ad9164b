"""``riskloom benchmark nsl_kdd``: the detector on NSL-KDD, trained on normal connections only."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from riskloom.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
Scores = Callable[["pd.DataFrame"], FloatArray]
SOURCE = "Tavallaee, Bagheri, Lu and Ghorbani, A Detailed Analysis of the KDD CUP 99 Data Set, 2009"
QUANTILE = 0.95
NORMAL = "normal"
TEXT = ("protocol_type", "service", "flag")
#: The 41 features in the order of the files; attack name and difficulty follow and are no features.
FEATURES = (
    "duration", *TEXT, "src_bytes", "dst_bytes", "land", "wrong_fragment", "urgent", "hot", "num_failed_logins",
    "logged_in", "num_compromised", "root_shell", "su_attempted", "num_root", "num_file_creations", "num_shells",
    "num_access_files", "num_outbound_cmds", "is_host_login", "is_guest_login", "count", "srv_count", "serror_rate",
    "srv_serror_rate", "rerror_rate", "srv_rerror_rate", "same_srv_rate", "diff_srv_rate", "srv_diff_host_rate",
    "dst_host_count", "dst_host_srv_count", "dst_host_same_srv_rate", "dst_host_diff_srv_rate",
    "dst_host_same_src_port_rate", "dst_host_srv_diff_host_rate", "dst_host_serror_rate", "dst_host_srv_serror_rate",
    "dst_host_rerror_rate", "dst_host_srv_rerror_rate",
)  # fmt: skip
_COLUMNS = (*FEATURES, "attack", "difficulty")
_SEED = 0
_VARIANCE = 0.9  # what the principal components of the baseline keep


@dataclass(frozen=True)
class Figures:
    """What one rule does on one test file."""

    accuracy: float
    auc: float | None
    recall: float | None
    false_positive_rate: float | None


def register(app: typer.Typer) -> None:
    """Add the command to ``riskloom benchmark``."""
    app.command("nsl_kdd")(nsl_kdd)


def nsl_kdd(
    train: Annotated[Path, typer.Option(metavar="FILE", help="Training file; only its normal rows are learned from.")],
    test: Annotated[list[Path], typer.Option(metavar="FILE", help="Test file; may be given several times.")],
    is_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """
    Measure the detector on network connections, beside the reconstruction error of principal components.

    Both learn from normal rows only and flag what exceeds the 95 % quantile of the training scores: no attack takes
    part in fitting, nor in the threshold.
    """
    learned = read_connections(train)
    normal = learned[learned["attack"] == NORMAL].reset_index(drop=True)
    if normal.empty:
        raise ConfigError(f"{train}: expected rows with the attack name {NORMAL!r}, found none")
    tables = {path: read_connections(path) for path in test}
    rules = {"detector": fit_rule(normal), "pca": fit_baseline(normal)}
    found = {name: {path: measure(rule, table) for path, table in tables.items()} for name, rule in rules.items()}
    if is_json:
        listed = {
            name: [{"file": path.name, **_rounded(each)} for path, each in of.items()] for name, of in found.items()
        }
        typer.echo(
            json.dumps(
                {
                    "benchmark": "nsl_kdd",
                    "source": SOURCE,
                    "tests": listed["detector"],
                    "baselines": {"pca_reconstruction_error": listed["pca"]},
                }
            )
        )
        return
    table = Table("file", "model", "accuracy", "AUC ROC", "recall", "false positives", title="NSL-KDD")
    for path in tables:
        for name, of in found.items():
            table.add_row(path.name, name, *("n/a" if v is None else f"{v:.4f}" for v in asdict(of[path]).values()))
    Console().print(table)


def read_connections(path: Path) -> pd.DataFrame:
    """
    Read a file of connections: 41 features, attack name and difficulty, without a header.

    Raises:
        ConfigError: There is no such file, it is empty, or a row does not fit; names file, row, expected and found.
    """
    import pandas as pd  # noqa: PLC0415

    if not path.is_file():
        raise ConfigError(f"expected a file of connections, found no file {path}")
    try:
        table = pd.read_csv(path, header=None, dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError as error:
        raise ConfigError(f"{path}: expected connections, found an empty file") from error
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected {len(_COLUMNS)} values a row by commas, found {error}") from error
    if len(table.columns) != len(_COLUMNS):
        raise ConfigError(
            f"{path}: expected {len(_COLUMNS)} columns (41 features, attack name, difficulty), "
            f"found {len(table.columns)}"
        )
    table.columns = pd.Index(_COLUMNS)
    for name in FEATURES:
        if name not in TEXT:
            table[name] = _numbers(table[name], path)
    return table


def fit_rule(normal: pd.DataFrame) -> tuple[Scores, float]:
    """The detector's scores and its threshold, from normal rows."""
    from riskloom.detector import fit_detector, learn_columns  # noqa: PLC0415

    columns = learn_columns(normal[list(FEATURES)])
    detector = fit_detector(columns.matrix(normal), seed=_SEED, is_clean=True, feature_of=columns.feature_of)
    return lambda table: detector.score(columns.matrix(table)), detector.threshold(QUANTILE)


def fit_baseline(normal: pd.DataFrame) -> tuple[Scores, float]:
    """Reconstruction error of standardised rows by the principal components that keep nine tenths of the variance."""
    from sklearn.decomposition import PCA  # noqa: PLC0415

    from riskloom.detector import learn_columns  # noqa: PLC0415

    columns = learn_columns(normal[list(FEATURES)])
    matrix = columns.matrix(normal)
    mean, deviation = matrix.mean(axis=0), matrix.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    components = PCA(_VARIANCE, svd_solver="full").fit((matrix - mean) / deviation)

    def scores(table: pd.DataFrame) -> FloatArray:
        rows = (columns.matrix(table) - mean) / deviation
        error = rows - components.inverse_transform(components.transform(rows))
        return np.asarray((error**2).sum(axis=1), dtype=np.float64)

    return scores, float(np.quantile(scores(normal), QUANTILE))


def measure(rule: tuple[Scores, float], table: pd.DataFrame) -> Figures:
    """What a rule flags of a test file; figures that need a class the file lacks are None."""
    from riskloom.metrics import Ranking  # noqa: PLC0415

    score, threshold = rule
    scores, is_attack = score(table), (table["attack"] != NORMAL).to_numpy()
    is_flagged = scores > threshold
    auc = float(Ranking(is_attack, scores).roc_auc()[0])
    return Figures(
        accuracy=float((is_flagged == is_attack).mean()),
        auc=None if np.isnan(auc) else auc,
        recall=float(is_flagged[is_attack].mean()) if is_attack.any() else None,
        false_positive_rate=float(is_flagged[~is_attack].mean()) if not is_attack.all() else None,
    )


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    import pandas as pd  # noqa: PLC0415

    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any():
        row = int(numbers.isna().to_numpy().argmax())
        raise ConfigError(f"{path}: row {row + 1}: {column.name}: expected a number, found {column.iloc[row]!r}")
    return numbers.astype(np.float64)


def _rounded(figures: Figures) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in asdict(figures).items()}
