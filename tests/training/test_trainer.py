"""One training set gives one model, byte for byte; what it learned is what is served."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from riskloom.catalog import Domain
from riskloom.errors import TrainingError
from riskloom.registry import Kind, LoadedModel
from riskloom.registry.scorers import open_scorer
from riskloom.training import train, training_windows
from riskloom.training.candidates import DEFAULTS, sample_settings
from riskloom.training.card import write_card
from riskloom.training.rows import labelled_rows
from riskloom.training.search import fit_rows, search
from riskloom.training.trainer import TrainingOutcome
from tests.training.synthetic import AS_OF, FEATURES, make_frame, small


@pytest.mark.parametrize("kind", ["logistic_regression", "hist_gradient_boosting", "lightgbm", "detector"])
def test_the_same_rows_in_any_order_give_the_same_bytes(domain: Domain, frame: pd.DataFrame, kind: Kind) -> None:
    """Payload, manifest, verdict, card and plots are identical when the rows come shuffled."""
    declared = small(domain, candidates=(kind,))
    one, two = (
        train(declared, part, FEATURES, as_of=AS_OF, replicates=20)
        for part in (frame, frame.sample(frac=1, random_state=2))
    )
    assert one.payload == two.payload
    assert one.manifest.to_bytes() == two.manifest.to_bytes()
    assert one.verdict == two.verdict
    assert write_card(declared, one) == write_card(declared, two)


def test_another_seed_gives_another_fingerprinted_model(domain: Domain, frame: pd.DataFrame) -> None:
    """The seed takes part in what the manifest states."""
    other = small(domain, seed=domain.training.seed + 1)
    one, two = (train(declared, frame, FEATURES, as_of=AS_OF, replicates=20) for declared in (domain, other))
    assert one.manifest.data_fingerprint == two.manifest.data_fingerprint
    assert one.manifest.to_bytes() != two.manifest.to_bytes()


def test_the_manifest_states_what_was_done(domain: Domain, frame: pd.DataFrame) -> None:
    """Windows, rows and features are those of the training; importance is highest for what matters."""
    outcome = train(domain, frame, FEATURES, as_of=AS_OF, commit="abc", replicates=20)
    manifest, windows = outcome.manifest, training_windows(domain, AS_OF)
    start, end = (np.datetime64(at.replace(tzinfo=None)) for at in (windows.fit_start, windows.fit_end))
    is_fit = (frame["decision_at"] >= start) & (frame["decision_at"] < end)
    assert (manifest.rows, manifest.positives) == (is_fit.sum(), frame["label"][is_fit].sum())
    assert manifest.feature_names == FEATURES
    assert manifest.commit == "abc"
    importance = {feature.name: feature.importance for feature in manifest.features}
    assert min(importance["spend_ratio"], importance["count_7d"]) > 3 * max(
        importance["noise"], importance["amount_log"]
    )
    missing = {feature.name: feature.missing for feature in manifest.features}
    assert missing["label_rate_30d"] == pytest.approx(0.3, abs=0.05)
    assert missing["noise"] == 0


def test_a_feature_without_any_value_does_no_harm(domain: Domain, frame: pd.DataFrame) -> None:
    """Every candidate copes with a column that is missing throughout, as a new feature's is."""
    frame["unborn"] = np.nan
    declared = small(domain, candidates=("logistic_regression", "hist_gradient_boosting", "lightgbm"))
    outcome = train(declared, frame, [*FEATURES, "unborn"], as_of=AS_OF, replicates=20)
    unborn = outcome.manifest.features[-1]
    assert (unborn.name, unborn.reference, unborn.missing) == ("unborn", None, 1.0)
    assert outcome.verdict.passed


def test_subsampled_negatives_keep_the_scale_of_scores(domain: Domain) -> None:
    """With a quarter of the negatives kept and weighted, the mean score is still the positive rate."""
    declared = small(domain, max_negatives=2_000)
    rows = labelled_rows(declared, make_frame(declared, rows=9_000), FEATURES)
    fitted = fit_rows(declared, rows, "logistic_regression", {"C": 1.0}, among=np.arange(len(rows)))
    assert fitted.raw(rows.matrix).mean() == pytest.approx(rows.labels.mean(), rel=0.1)


def test_the_search_keeps_to_its_budget(domain: Domain, frame: pd.DataFrame) -> None:
    """Each candidate gets its trials on the newest fold, and some of them, the defaults always, on the other folds."""
    declared = small(domain, candidates=("logistic_regression", "lightgbm"), trials=3, folds=2)
    rows = labelled_rows(declared, frame, FEATURES)
    seen: list[tuple[int, int]] = []
    found = search(declared, rows, on_progress=lambda done, total, _text: seen.append((done, total)))
    assert [len(trial.values) for trial in found.trials].count(2) == 4
    assert [len(trial.values) for trial in found.trials if trial.setting == DEFAULTS[trial.kind]] == [2, 2]
    assert len(found.trials) == 6
    assert seen == [(number, 10) for number in range(1, 11)]
    assert len(found.unseen) == len(found.unseen_raw)


def test_of_settings_as_good_as_each_other_the_first_is_taken(domain: Domain, frame: pd.DataFrame) -> None:
    """What is better by less than the tolerance is better by chance: the order of declaration decides."""
    declared = small(domain, candidates=("lightgbm", "logistic_regression"), trials=3, folds=2)
    rows = labelled_rows(declared, frame, FEATURES)

    def chosen(tolerance: float) -> tuple[str, bool, float]:
        gate = declared.gate.model_copy(update={"tolerance": tolerance})
        best = search(declared.model_copy(update={"gate": gate}), rows, on_progress=lambda *_: None).best
        return best.kind, best.setting == DEFAULTS[best.kind], best.value

    kind, is_default, value = chosen(1.0)
    assert (kind, is_default) == ("lightgbm", True)
    assert chosen(0.0)[2] >= value


def test_settings_start_with_the_defaults_and_never_repeat() -> None:
    """The first trial needs no luck, and no budget is wasted on the same setting twice."""
    settings = sample_settings("lightgbm", 8, seed=1)
    assert settings[0] == DEFAULTS["lightgbm"]
    assert len({str(sorted(setting.items())) for setting in settings}) == 8
    assert settings == sample_settings("lightgbm", 8, seed=1)
    assert len(sample_settings("logistic_regression", 500, seed=1)) == 11


def test_history_without_positives_is_refused(domain: Domain, frame: pd.DataFrame) -> None:
    """There is nothing to learn from, and the message counts what there was."""
    with pytest.raises(TrainingError, match=r"0 positives among \d+ rows"):
        train(domain, frame.assign(label=0), FEATURES, as_of=AS_OF)


def test_the_detector_learns_without_looking_at_labels(domain: Domain, frame: pd.DataFrame) -> None:
    """Other labels leave the fitted arrays as they are; what is known of them calibrates, and the gate judges."""
    declared = small(domain, candidates=("detector",))
    turned = frame.assign(label=frame["label"].sample(frac=1, random_state=4).to_numpy())
    outcome, other = (train(declared, part, FEATURES, as_of=AS_OF, replicates=20) for part in (frame, turned))
    assert outcome.payload == other.payload
    assert outcome.manifest.calibration.method == "beta"
    assert outcome.verdict.passed
    assert outcome.contender.evaluation["roc_auc"].value > 0.85


def test_without_any_positive_the_detector_is_kept_and_refused(domain: Domain, frame: pd.DataFrame) -> None:
    """Its probabilities then say how unusual a row is; the gate has nothing to judge by and says so."""
    declared = small(domain, candidates=("detector",))
    outcome = train(declared, frame.assign(label=0), FEATURES, as_of=AS_OF, replicates=20)
    assert (outcome.manifest.calibration.method, outcome.manifest.threshold) == ("tail", 0.999)
    assert 0 < (outcome.contender.scores >= 0.99).mean() < 0.03
    assert any("0 positives" in reason for reason in outcome.verdict.reasons)
    assert "no settings" in write_card(declared, outcome)["card.md"].decode()


def opened(outcome: TrainingOutcome, version: str) -> LoadedModel:
    """The model as it opens from its bytes."""
    (name, content), *_ = outcome.payload.items()
    manifest = outcome.manifest
    return LoadedModel(manifest, open_scorer(manifest.kind, content, manifest.reference, file=name), version)


def test_with_few_positives_the_detector_may_serve_where_that_is_declared(domain: Domain, frame: pd.DataFrame) -> None:
    """It is promoted without labels, said to be, until there are enough; then a model that learns from them wins."""
    declared = small(domain, candidates=("logistic_regression", "detector"))
    declared = declared.model_copy(update={"gate": declared.gate.model_copy(update={"without_labels": True})})
    few = frame.assign(label=np.where(frame["label"].cumsum() <= 20, frame["label"], 0).astype(np.int8))
    start = train(declared, few, FEATURES, as_of=AS_OF, replicates=20)
    assert (start.manifest.kind, start.manifest.is_unlabelled, start.verdict.passed) == ("detector", True, True)
    assert any("judged without labels: 0 positives" in note for note in start.verdict.notes)
    later = train(declared, frame, FEATURES, as_of=AS_OF, champion=opened(start, "1"), replicates=20)
    assert (later.manifest.is_unlabelled, later.verdict.passed) == (False, True)
    back = train(declared, few, FEATURES, as_of=AS_OF, champion=opened(later, "2"), replicates=20)
    assert back.verdict.reasons == ("champion 2 learned from labels, and too few are left to show that this is better",)


def test_a_detector_that_floods_is_refused(domain: Domain, frame: pd.DataFrame) -> None:
    """A holdout that is nothing like what it learned from is not flagged as a whole."""
    declared = small(domain, candidates=("detector",))
    declared = declared.model_copy(update={"gate": declared.gate.model_copy(update={"without_labels": True})})
    moved = frame["decision_at"] >= training_windows(domain, AS_OF).fit_end.replace(tzinfo=None)
    strange = frame.assign(label=0, amount_log=frame["amount_log"] + np.where(moved, 30.0, 0.0))
    verdict = train(declared, strange, FEATURES, as_of=AS_OF, replicates=20).verdict
    assert any("the holdout is not like what it learned from" in reason for reason in verdict.reasons)


def test_a_window_without_rows_is_refused(domain: Domain, frame: pd.DataFrame) -> None:
    """Data that ends before the holdout is named with the window it lacks."""
    end = training_windows(domain, AS_OF).fit_end.replace(tzinfo=None)
    with pytest.raises(TrainingError, match="no rows to judge on from"):
        train(domain, frame[frame["decision_at"] < end], FEATURES, as_of=AS_OF)
