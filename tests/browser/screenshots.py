"""
Take the pictures in docs/images of a fresh demo of one domain: the Airflow graph, the scoring API's page, the drift
dashboard, and the console's queue, a case and a rule.

``make screenshots`` runs it; it takes some minutes longer than the demo.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page
from rich.console import Console

from riskloom.settings import PROJECT_ROOT, Settings
from riskloom.stack.airflow import Airflow
from riskloom.stack.demo import CONSOLE_USER, Demo, DemoPlan, DomainResult, problems
from riskloom.stack.prepare import airflow_password
from riskloom.stack.progress import Progress
from riskloom.stack.services import AIRFLOW_USER, urls
from tests.browser import screens
from tests.browser.conftest import LEAST
from tests.conftest import free_port

IMAGES = PROJECT_ROOT / "docs" / "images"
WIDTH = 1200  # pixels
COLOURS = 128
MAX_BYTES = 150_000
#: Verdicts of this many earlier days, so that the dashboard shows what one shows after a week.
EARLIER_DAYS = 6
SETTLE_MS = 4_000  # layouts and curves are drawn step by step


def main() -> int:
    """Run the demo, take the pictures, stop the demo."""
    progress = Progress(Console())
    with tempfile.TemporaryDirectory(prefix="riskloom-") as folder:
        settings = Settings(
            home=Path(folder) / "home",
            airflow_port=free_port(),
            scoring_port=free_port(),
            monitoring_port=free_port(),
            console_port=free_port(),
            ledger_port=free_port(),
        )
        now = datetime.now(UTC)
        demo = Demo(settings, DemoPlan(data="simulated", data_dir=None, now=now, domains=(LEAST,)), progress)
        try:
            results = demo.run()
            if problems(results):
                print("\n".join(problems(results)), file=sys.stderr)
                return 1
            watch_earlier_days(settings, results[0], now, progress)
            take_pictures(demo, results[0], progress)
        finally:
            demo.stop()
    return 0


def watch_earlier_days(settings: Settings, result: DomainResult, now: datetime, progress: Progress) -> None:
    """Run the monitoring DAG as of each of the days before, oldest first."""
    dag = f"{result.domain.name}__monitoring"
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with Airflow(urls(settings)["Airflow"], AIRFLOW_USER, airflow_password(settings)) as airflow:
        for days in range(EARLIER_DAYS, 0, -1):
            as_of = today - timedelta(days=days)
            progress.say(f"verdict as of {as_of:%Y-%m-%d}")
            run = airflow.trigger(dag, {"as_of": as_of.isoformat()})
            airflow.follow(dag, run, lambda *_: None, 300)


def take_pictures(demo: Demo, result: DomainResult, progress: Progress) -> None:
    """Open the screens and save each."""
    settings, places = demo.settings, urls(demo.settings)
    features = result.runs[0]
    with screens.chromium() as browser:
        page = screens.new_page(browser)
        screens.log_in(page, places["Airflow"], AIRFLOW_USER, airflow_password(settings))
        screens.open_run(page, places["Airflow"], features.dag_id, features.run_id)
        screens.show_graph(page)
        save(page, "airflow.png", progress)
        screens.open_api(page, places["Scoring service"])
        save(page, "api.png", progress)
        screens.open_dashboard(page, places["Drift dashboard"], result.domain.title)
        save(page, "drift.png", progress)
        screens.open_queue(page, places["Console"], CONSOLE_USER, demo.console_password)
        save(page, "queue.png", progress)
        page.locator("[data-list] tbody th a").first.click()
        save(page, "case.png", progress)
        screens.open_rules(page)
        screens.try_first_rule(page)
        save(page, "rule.png", progress)


def save(page: Page, name: str, progress: Progress) -> None:
    """Take a picture of the page, smaller and with fewer colours, so that the repository stays small."""
    page.wait_for_timeout(SETTLE_MS)
    picture = Image.open(BytesIO(page.screenshot()))
    height = round(picture.height * WIDTH / picture.width)
    small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS).quantize(COLOURS)
    IMAGES.mkdir(parents=True, exist_ok=True)
    path = IMAGES / name
    small.save(path, optimize=True)
    size = path.stat().st_size
    progress.say(f"{path.relative_to(PROJECT_ROOT)}: {size // 1000} kB")
    if size > MAX_BYTES:
        raise RuntimeError(f"{path}: expected at most {MAX_BYTES} bytes, found {size}")


if __name__ == "__main__":
    sys.exit(main())
