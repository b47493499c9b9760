"""Make the pictures that the README shows, from a real run in a real browser: ``make screenshots``.

Belongs here: which pages are shown, and waiting until they are whole.
Does not belong here: what the pages say.
"""

from __future__ import annotations

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


def settle(page: Page) -> None:
    """Wait until no request is under way and the layout has come to rest."""
    page.wait_for_load_state("networkidle", timeout=30_000)
    page.wait_for_timeout(2_500)


def asset_graph(page: Page, base: str) -> None:
    """The whole lineage, every group open."""
    page.set_viewport_size({"width": 2200, "height": 2300})
    page.goto(f"{base}/asset-groups")
    settle(page)
    page.keyboard.press("Alt+e")  # Dagster's key for "expand all groups"
    settle(page)
    page.screenshot(
        path=PICTURES / "asset_graph.png", clip={"x": 545, "y": 112, "width": 1595, "height": 2188}
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
    up = subprocess.Popen([*glac, "up", "--port", str(port)], env=env)
    try:
        wait_for(f"{base}/server_info")
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=browser, args=FLAGS).new_page()
            for picture in (asset_graph, asset, tenants_result):
                picture(page, base)
                sys.stdout.write(f"{picture.__name__}.png\n")
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
        subprocess.run([*glac, "clean"], env=env, check=True)


if __name__ == "__main__":
    main()
