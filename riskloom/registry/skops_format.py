"""
Scikit-learn estimators as skops files: the same estimator gives the same bytes, and only listed types are opened.

skops itself trusts every estimator of scikit-learn; here a file may hold what our two candidates are made of and
nothing else. The check reads the schema as plain JSON, before skops sees the file.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

from riskloom.errors import SignatureError
from riskloom.registry.manifest import digest

_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip archive can hold

#: What may be inside, by full name, and the skops loader that may build it.
ALLOWED = frozenset(
    {
        ("builtins.dict", "DictNode"),
        ("builtins.list", "ListNode"),
        ("builtins.str", "JsonNode"),
        ("builtins.str", "TypeNode"),
        ("builtins.tuple", "TupleNode"),
        ("numpy.dtype", "DTypeNode"),
        ("numpy.float64", "NdArrayNode"),
        ("numpy.int64", "NdArrayNode"),
        ("numpy.ndarray", "NdArrayNode"),
        ("numpy.random._generator.Generator", "RandomGeneratorNode"),
        ("numpy.uint64", "NdArrayNode"),
        ("riskloom.registry.transforms.signed_log", "FunctionNode"),
        ("sklearn._loss._loss.CyHalfBinomialLoss", "LossNode"),
        ("sklearn._loss.link.Interval", "ObjectNode"),
        ("sklearn._loss.link.LogitLink", "ObjectNode"),
        ("sklearn._loss.loss.HalfBinomialLoss", "ObjectNode"),
        ("sklearn.ensemble._hist_gradient_boosting.binning._BinMapper", "ObjectNode"),
        (
            "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
            "ObjectNode",
        ),
        ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", "ObjectNode"),
        ("sklearn.impute._base.MissingIndicator", "ObjectNode"),
        ("sklearn.impute._base.SimpleImputer", "ObjectNode"),
        ("sklearn.linear_model._logistic.LogisticRegression", "ObjectNode"),
        ("sklearn.pipeline.Pipeline", "ObjectNode"),
        ("sklearn.preprocessing._data.StandardScaler", "ObjectNode"),
        ("sklearn.preprocessing._function_transformer.FunctionTransformer", "ObjectNode"),
        ("sklearn.preprocessing._label.LabelEncoder", "ObjectNode"),
    }
)


def dump_estimator(estimator: object) -> bytes:
    """An estimator as a skops file without what differs from run to run: memory addresses and times."""
    with zipfile.ZipFile(io.BytesIO(_skops().dumps(estimator))) as source:
        schema = json.loads(source.read(_SCHEMA))
        arrays = {name: source.read(name) for name in source.namelist() if name != _SCHEMA}
    # skops names nodes and arrays after addresses; a running number and the content's hash say the same
    names = {name: f"{digest(content)}.npy" for name, content in arrays.items()}
    for number, node in enumerate(_nodes(schema)):
        if "__id__" in node:
            node["__id__"] = number
        if "file" in node:
            node["file"] = names[node["file"]]
    members = {names[name]: content for name, content in arrays.items()}
    members[_SCHEMA] = json.dumps(schema, sort_keys=True, separators=(",", ":")).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(members):
            target.writestr(zipfile.ZipInfo(name, _EPOCH), members[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def load_estimator(content: bytes, *, file: str) -> Any:
    """
    Open a skops file whose bytes were verified.

    Raises:
        SignatureError: It is no skops file or holds a type that is not allowed; names ``file`` and the type.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            schema = json.loads(archive.read(_SCHEMA))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise SignatureError(f"{file}: expected a skops file, found {error}") from error
    found = {_type_of(node) for node in _nodes(schema) if "__class__" in node or "__loader__" in node}
    if not found <= ALLOWED:
        listed = ", ".join(sorted(f"{name} ({loader})" for name, loader in found - ALLOWED))
        raise SignatureError(f"{file}: expected only types that a model may hold, found {listed}")
    return _skops().loads(content, trusted=sorted({name for name, _ in ALLOWED}))


def _skops() -> Any:
    """
    Import skops, which takes seconds, when it is needed.

    It looks for each function of scipy in every module that is loaded; in a task, Airflow's answer each look with a
    warning, a thousand lines of the task's log.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import skops.io  # noqa: PLC0415

    return skops.io


def _type_of(node: dict[str, Any]) -> tuple[str, str]:
    return f"{node.get('__module__')}.{node.get('__class__')}", str(node.get("__loader__"))


def _nodes(value: object) -> Iterator[dict[str, Any]]:
    """Every JSON object of a schema, in the order in which it is written."""
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)
