"""The commands of the domain's page do what it says, word for word."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from riskloom.cli import build_app
from riskloom.domains.cloud_security.simulation.regime import DRIFTED, TECHNIQUES, USUAL
from riskloom.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "domains" / "cloud_security.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line.removeprefix("$ riskloom "))
    for block in re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISKLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "riskloom").symlink_to(PROJECT_ROOT / "riskloom")


def run(command: list[str]) -> dict[str, int]:
    """The counts a command reports; a pattern of files is what a shell makes of it."""
    words = [name for word in command for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    result = CliRunner().invoke(build_app(), [*words, "--json"])
    assert result.exit_code == 0, result.output
    content: dict[str, int] = json.loads(result.output)
    return content


def test_the_public_data_is_ingested_as_documented(reference_data: Path, tmp_path: Path) -> None:
    """The page's counts of calls, sign-ins, flows and findings."""
    (tmp_path / "stratus").mkdir()
    for path in sorted((reference_data / "stratus").glob("*login*.json")):
        (tmp_path / "stratus" / path.name).symlink_to(path)
    (tmp_path / "KDDTrain+_20Percent.txt").symlink_to(reference_data / "nsl_kdd" / "KDDTrain+_20Percent.txt")
    calls, signins, flows, findings = (run(one) for one in COMMANDS if one[0] == "ingest")
    assert calls["landed"] == calls["read"] == signins["read"] + signins["skipped"]
    assert signins["landed"] == 1
    assert (flows["landed"], findings["landed"]) == (25_192, 11_743)
    assert "25,192 flows, 11,743 of them with a finding" in PAGE
    key = tmp_path / "home" / "keys" / "pseudonyms.key"
    assert key.stat().st_mode & 0o077 == 0


def test_the_simulator_is_used_as_documented() -> None:
    """The command works, and the page's table of attacks is that of the regimes."""
    (command,) = (one for one in COMMANDS if one[0] == "simulate")
    assert run(command)["is_new"]
    for attack, (technique, _) in TECHNIQUES.items():
        shares = f"{USUAL.mix[attack] * 100:.0f} % → {DRIFTED.mix[attack] * 100:.0f} %"
        assert f"| {technique} | {shares} |" in PAGE, attack
