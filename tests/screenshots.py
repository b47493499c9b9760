"""Make the pictures that the README shows, from a real run in a real browser: ``make screenshots``.

Belongs here: which pages are shown, and waiting until they are whole.
Does not belong here: what the pages say.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, seconds: int = 180) -> None:
    """Return when the address answers."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise TimeoutError(url)


def wait_for_idle(base: str, seconds: int = 180) -> None:
    """Return when Dagster has no run under way: what runs is drawn in another colour."""
    query = b'{"query": "{runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED]}) '
    query += b'{... on Runs {results {runId}}}}"}'
    asked = urllib.request.Request(f"{base}/graphql", query, {"Content-Type": "application/json"})
    until = time.monotonic() + seconds
    time.sleep(15)  # the sensors' first ticks
    while time.monotonic() < until:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            if not json.load(answer)["data"]["runsOrError"]["results"]:
                return
        time.sleep(2)
    raise TimeoutError("a run that does not end")


def settle(page: Page) -> None:
    """Wait until no request is under way and the layout has come to rest."""
    page.wait_for_load_state("networkidle", timeout=30_000)
    page.wait_for_timeout(2_500)


def asset_graph(page: Page, base: str) -> None:
    """The whole lineage but the publishers' files (one before each publisher), every group open."""
    # Dagster draws what is in view only, so the view is larger than the graph.
    page.set_viewport_size({"width": 3000, "height": 5200})
    chosen = quote('not group:"publisher_files"', safe="")
    page.goto(f"{base}/asset-groups~{chosen}/")
    settle(page)
    page.keyboard.press("Alt+e")  # Dagster's key for "expand all groups"
    settle(page)
    boxes = [box for node in page.locator("foreignObject").all() if (box := node.bounding_box())]
    left, top = min(box["x"] for box in boxes) - 20, min(box["y"] for box in boxes) - 20
    right = max(box["x"] + box["width"] for box in boxes) + 20
    bottom = max(box["y"] + box["height"] for box in boxes) + 20
    page.screenshot(
        path=PICTURES / "asset_graph.png",
        clip={"x": left, "y": top, "width": right - left, "height": bottom - top},
    )


def asset(page: Page, base: str) -> None:
    """One asset with its description, checks and metadata."""
    page.set_viewport_size({"width": 1500, "height": 1250})
    page.goto(f"{base}/assets/tenants/emissions")
    settle(page)
    page.screenshot(path=PICTURES / "asset.png")


def tenants_result(page: Page, base: str) -> None:
    """The comparison with the city: every building a point."""
    page.set_viewport_size({"width": 1500, "height": 1000})
    page.goto(f"{base}/assets/tenants/tie_out")
    settle(page)
    page.get_by_text("[Show Markdown]").first.click()
    settle(page)
    page.screenshot(path=PICTURES / "tenants_result.png")


def quality_report(page: Page, home: Path) -> None:
    """A pack's quality report: the page that Dagster's asset links to."""
    page.set_viewport_size({"width": 1100, "height": 900})
    page.goto((home / "reports/packs/quality_report/emissions_carbon_calculator_v1.html").as_uri())
    page.screenshot(path=PICTURES / "quality_report.png", full_page=True)


def release_report(page: Page, home: Path) -> None:
    """What the catalogue covers and where it is thin: the page that Dagster's asset links to."""
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.goto((home / "reports/factors/release_report/all.html").as_uri())
    page.screenshot(
        path=PICTURES / "release_report.png",
        full_page=True,
        clip={"x": 0, "y": 0, "width": 1280, "height": 1290},
    )


def main() -> None:
    """Run the main job in a home of its own, bring the UI up, take the pictures, take it down."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("Chromium is needed: apt-get install chromium")
    home = Path(tempfile.mkdtemp(prefix="greenlang-pictures-"))
    env = {**os.environ, "GREENLANG_HOME": str(home)}
    glac = [sys.executable, "-c", "from registry_ops.cli import main; main()"]
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    subprocess.run([*glac, "run"], env=env, check=True)
    up = subprocess.Popen([*glac, "up", "--port", str(port), "--api-port", str(free_port())], env=env)
    try:
        wait_for(f"{base}/server_info")
        wait_for_idle(base)
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=browser, args=FLAGS).new_page()
            for picture in (asset_graph, asset, tenants_result):
                picture(page, base)
            quality_report(page, home)
            release_report(page, home)
        sys.stdout.write("".join(f"{picture.name}\n" for picture in sorted(PICTURES.iterdir())))
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
        subprocess.run([*glac, "clean"], env=env, check=True)


if __name__ == "__main__":
    main()
