"""The HTML page in headless Chromium: whole, without a network, well set on a wide and on a narrow window."""

import json
import os
import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

PROBE = """
<script>
addEventListener("load", () => {
  const seen = {
    overflow: document.documentElement.scrollWidth - innerWidth,
    headings: [...document.querySelectorAll("h1, h2")].map(heading => heading.textContent),
    images: [...document.images].map(image => [image.alt, image.complete && image.naturalWidth > 0]),
    tables: document.querySelectorAll(".scroll > table").length,
    wide: [...document.querySelectorAll("main > *")].filter(p => p.getBoundingClientRect().right > innerWidth).length,
  };
  document.title = JSON.stringify(seen);
});
</script>
"""


def look(page: str, width: int, folder) -> dict:
    """What a window of `width` pixels shows of the page."""
    path = folder / "page.html"
    path.write_text(page.replace("</body>", PROBE + "</body>"))
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
    ]
    command += [
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        f"--user-data-dir={folder / 'profile'}",
    ]
    # Headless windows are at least 500 pixels wide; a frame of the wanted width is as narrow as a telephone.
    frame = folder / "frame.html"
    frame.write_text(
        f'<iframe id="frame" src="page.html" style="width:{width}px;height:900px;border:0"></iframe>'
        "<script>frame.onload = () => setTimeout(() => document.title = frame.contentDocument.title, 50)</script>"
    )
    command += [
        "--allow-file-access-from-files",
        "--virtual-time-budget=5000",
        f"--window-size={width + 100},1000",
        "--dump-dom",
    ]
    done = subprocess.run(
        [*command, frame.as_uri()], capture_output=True, text=True, timeout=120, env={**os.environ, "LANG": "C.UTF-8"}
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.S)
    assert title, done.stderr
    return json.loads(title[1].replace("&quot;", '"').replace("&amp;", "&"))


@pytest.fixture(scope="module")
def page(results) -> str:
    return (results / "report" / "index.html").read_text()


def test_the_page_needs_nothing_from_elsewhere(page):
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    loaded = [source for source in re.findall(r'src="([^"]*)"', page) if not source.startswith("data:image/")]
    assert loaded == []
    assert "<link" not in page
    assert "<script" not in page
    assert "@import" not in page


@pytest.mark.parametrize("width", [1280, 390])
def test_every_part_shows_and_fits(page, width, tmp_path):
    seen = look(page, width, tmp_path)
    assert seen["headings"][1:] == [
        "What was asked",
        "What the encoder reads",
        "The grid and where it comes from",
        "Validation",
        "Test",
        "What it means",
        "Methods",
        "All 8 runs",
    ]
    assert [alt.split()[0] for alt, _ in seen["images"]] == ["Validation"] * 3
    assert all(shown for _, shown in seen["images"])
    assert seen["tables"] >= 10
    assert seen["overflow"] <= 0
    assert seen["wide"] == 0
