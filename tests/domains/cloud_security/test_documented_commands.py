"""The commands of the domain's page do what it says, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskloom.domains.cloud_security.simulation.regime import DRIFTED, TECHNIQUES, USUAL
from riskloom.settings import PROJECT_ROOT
from tests.documents import prompted_commands, run_command

pytestmark = pytest.mark.usefixtures("_at_home")
DOCUMENT = PROJECT_ROOT / "docs" / "domains" / "cloud_security.md"
PAGE = DOCUMENT.read_text(encoding="utf-8")
COMMANDS = prompted_commands(DOCUMENT)


def test_the_public_data_is_ingested_as_documented(reference_data: Path, tmp_path: Path) -> None:
    """The page's counts of calls, sign-ins, flows and findings."""
    (tmp_path / "stratus").mkdir()
    for path in sorted((reference_data / "stratus").glob("*login*.json")):
        (tmp_path / "stratus" / path.name).symlink_to(path)
    (tmp_path / "KDDTrain+_20Percent.txt").symlink_to(reference_data / "nsl_kdd" / "KDDTrain+_20Percent.txt")
    calls, signins, flows, findings = (run_command(one) for one in COMMANDS if one[0] == "ingest")
    assert calls["landed"] == calls["read"] == signins["read"] + signins["skipped"]
    assert signins["landed"] == 1
    assert (flows["landed"], findings["landed"]) == (25_192, 11_743)
    assert "25,192 flows, 11,743 of them with a finding" in PAGE
    key = tmp_path / "home" / "keys" / "pseudonyms.key"
    assert key.stat().st_mode & 0o077 == 0


def test_the_simulator_is_used_as_documented() -> None:
    """The command works, and the page's table of attacks is that of the regimes."""
    (command,) = (one for one in COMMANDS if one[0] == "simulate")
    assert run_command(command)["is_new"]
    for attack, (technique, _) in TECHNIQUES.items():
        shares = f"{USUAL.mix[attack] * 100:.0f} % → {DRIFTED.mix[attack] * 100:.0f} %"
        assert f"| {technique} | {shares} |" in PAGE, attack
