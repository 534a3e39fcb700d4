"""The HTML page in headless Chromium: whole, without a network, well set on windows of three widths and on paper."""

import html
import json
import os
import re
import shutil
import subprocess

import pytest

from bitsweep.report.html_page import to_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
# Runs in the page once all charts are drawn; ACTIONS fill `seen`, which becomes the page's title.
PROBE = """
<script>
addEventListener("load", async () => {
  const wait = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));
  for (let turn = 0; turn < 100 && document.querySelector("figure.chart:not(.drawn)"); turn++) await wait(20);
  const seen = {};
  ACTIONS
  document.title = JSON.stringify(seen);
});
</script>
"""
FOLDS = """
  const folded = () => [...document.querySelectorAll("details:not([open])")].map((part) => part.innerText.trim());
  seen.folded = folded();
  seen.hidden = document.querySelector("details .scroll").checkVisibility();
  document.querySelector('nav a[href="#methods"]').click();
  await wait(20);
  seen.linked = folded();
  seen.place = document.querySelector("#methods").getBoundingClientRect().top;
  dispatchEvent(new Event("beforeprint"));
  seen.printed = folded();
  dispatchEvent(new Event("afterprint"));
  seen.after = folded();
"""
CONTENTS = """
  const list = document.querySelector("nav ul"), main = document.querySelector("main");
  const beside = () => list.getBoundingClientRect().right <= main.getBoundingClientRect().left;
  scrollTo(0, document.body.scrollHeight);
  for (let turn = 0; turn < 100 && !document.querySelector("nav [aria-current]"); turn++) await wait(20);
  const { top, bottom } = list.getBoundingClientRect();
  Object.assign(seen, { beside: beside(), inView: top >= 0 && bottom <= innerHeight });
  seen.marked = [...document.querySelectorAll("nav [aria-current]")].length;
"""
COLOURS = """
  // Of each kind of text the contrast with the ground that it stands on (WCAG 2.2).
  const light = (colour) => {
    const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (part) => {
    const colour = getComputedStyle(part).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" && part.parentElement ? ground(part.parentElement) : colour;
  };
  seen.contrasts = ["h1", "h1 + p", "h1 + p + p", "nav a", "main p", "td", "th", "figcaption", "main a"].map((name) => {
    const part = document.querySelector(name);
    const [one, other] = [getComputedStyle(part).color, ground(part)].map(light).sort((a, b) => b - a);
    return (one + 0.05) / (other + 0.05);
  });
  seen.ground = light(ground(document.body));
  seen.drawing = light(ground(document.querySelector(".drawing")));
"""
LAYOUT = """
  Object.assign(seen, {
    overflow: document.documentElement.scrollWidth - innerWidth,
    headings: [...document.querySelectorAll("h1, h2")].map(heading => heading.textContent),
    links: [...document.querySelectorAll("nav a")].map(link => document.querySelector(link.hash).textContent),
    images: [...document.images].map(image => [image.alt, image.complete && image.naturalWidth > 0]),
    captions: [...document.querySelectorAll("figcaption")].map(caption => caption.textContent),
    charts: [...document.querySelectorAll("figure.drawn svg")].map(chart => chart.getBoundingClientRect().width),
    tables: document.querySelectorAll(".scroll > table").length,
    wide: [...document.querySelectorAll("header > *, .section > *")].filter(
      (part) => part.getBoundingClientRect().right > innerWidth).length,
    text: [...document.querySelectorAll("header, nav, main")].map((part) => part.innerText).join(" "),
    loaded: performance.getEntriesByType("resource").map(entry => entry.name).filter(name => !name.startsWith("data:")),
  });
"""
HOVER = """
  seen.tips = [];
  for (const figure of document.querySelectorAll("figure.drawn")) {
    const marks = [...figure.querySelectorAll("svg path")].filter((path) => path.__data__?.tooltip);
    const { x, y } = marks[0].getBoundingClientRect();
    marks[0].dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: x + 2, clientY: y + 2 }));
    await wait(20);
    const rows = [...document.querySelectorAll("#vg-tooltip-element tr")];
    seen.tips.push(rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
  }
"""
TABLE = """
  const box = document.querySelector(".sortable");
  const headers = [...box.querySelectorAll("th")];
  const named = (name) => headers.find((header) => header.textContent === name);
  const column = (name) => {
    const index = named(name).cellIndex;
    return [...box.querySelectorAll("tbody tr")].map((row) => row.cells[index].textContent);
  };
  const input = document.querySelector(".filter input");
  const type = (text) => { input.value = text; input.dispatchEvent(new Event("input")); };
  const told = () => document.querySelector(".filter output").value;
  seen.before = told();
  for (const name of ["learning rate", "learning rate", "tokens per second"]) {
    named(name).querySelector("button").click();
    (seen[name] ??= []).push([named(name).ariaSort, column(name)]);
  }
  seen.sorted = headers.filter((header) => header.ariaSort).length;
  type("FULL  3e-4 ");
  seen.filtered = [told(), column("mode"), column("learning rate")];
  type("nothing like it");
  seen.none = told();
  type("");
  seen.after = told();
"""


# Chromium's own words for a system that wishes for dark windows.
DARK = "--blink-settings=preferredColorScheme=0"


def chromium(folder, *arguments: str) -> subprocess.CompletedProcess:
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        "--no-first-run",
        f"--user-data-dir={folder / 'profile'}",
        "--allow-file-access-from-files",
        "--virtual-time-budget=20000",
    ]
    environment = {**os.environ, "LANG": "C.UTF-8"}
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, env=environment)


def look(page: str, width: int, folder, actions: str, *flags: str) -> dict:
    """Return what `actions` see of the page in a window of `width` pixels."""
    start, end = page.rsplit("</body>", 1)
    (folder / "page.html").write_text(f"{start}{PROBE.replace('ACTIONS', actions)}</body>{end}")
    # Headless windows are at least 500 pixels wide; a frame of the wanted width is as narrow as a telephone.
    frame = folder / "frame.html"
    frame.write_text(
        f'<iframe id="frame" src="page.html" style="width:{width}px;height:900px;border:0"></iframe>'
        "<script>setInterval(() => { if (frame.contentDocument.title.startsWith('{')) "
        "document.title = frame.contentDocument.title; }, 50)</script>"
    )
    done = chromium(folder, *flags, f"--window-size={width + 100},1000", "--dump-dom", frame.as_uri())
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.S)
    assert title, done.stderr
    return json.loads(html.unescape(title[1]))


@pytest.fixture(scope="module")
def page(results) -> str:
    return (results / "report" / "index.html").read_text()


def test_the_page_needs_nothing_from_elsewhere(page):
    text = re.sub(r"(<script[^>]*>).*?</script>", r"\1", page, flags=re.S)
    assert text.count("<script>") == 2
    assert set(re.findall(r"<script[^>]*>", text)) == {"<script>", '<script type="application/json">'}
    sources = re.findall(r'src="([^"]*)"', text)
    assert len(sources) == 5
    assert all(source.startswith("data:image/") for source in sources)
    assert "<link" not in text
    assert "@import" not in text
    assert len(page) < 2_000_000


@pytest.mark.parametrize("width", [1280, 800, 390])
def test_every_part_shows_and_fits(page, width, tmp_path):
    seen = look(page, width, tmp_path, LAYOUT)
    assert seen["headings"][1:] == [
        "Selected runs",
        "Differences between modes",
        "Validation over the grid",
        "Learning curves",
        "What it means",
        "Costs",
        "Data",
        "The grid and where it comes from",
        "What the encoder reads",
        "Methods",
        "All scores of the selected runs",
        "All 8 runs",
    ]
    assert seen["links"] == seen["headings"][1:]
    figures = ["Differences", "Validation", "Validation", "Validation", "Test"]
    assert [alt.split()[0] for alt, _ in seen["images"]] == figures
    assert all(shown for _, shown in seen["images"])
    assert [caption.split()[0] for caption in seen["captions"]] == figures
    assert len(seen["charts"]) == 5
    assert all(chart > 150 for chart in seen["charts"])
    assert seen["tables"] >= 10
    assert seen["overflow"] <= 0
    assert seen["wide"] == 0
    assert seen["loaded"] == []
    # No mark of Markdown is left in what is read.
    assert not re.findall(r"\S*(?:[`\\]|\*\*)\S*", seen["text"])


def test_what_is_long_is_folded_and_opens_by_its_link_and_on_paper(page, tmp_path):
    seen = look(page, 1280, tmp_path, FOLDS)
    long = ["What the encoder reads", "Methods", "All scores of the selected runs", "All 8 runs"]
    assert seen["folded"] == long
    assert not seen["hidden"]
    assert seen["linked"] == seen["after"] == [title for title in long if title != "Methods"]
    assert 0 <= seen["place"] < 900
    assert seen["printed"] == []


@pytest.mark.parametrize(("width", "beside"), [(1280, True), (390, False)])
def test_the_contents_stay_in_view_beside_a_wide_page(page, width, beside, tmp_path):
    seen = look(page, width, tmp_path, CONTENTS)
    assert (seen["beside"], seen["inView"]) == (beside, beside)
    assert seen["marked"] == 1


@pytest.mark.parametrize("flags", [(), (DARK,)], ids=["light", "dark"])
def test_every_text_can_be_read_in_the_light_and_in_the_dark(page, flags, tmp_path):
    seen = look(page, 1280, tmp_path, COLOURS, *flags)
    assert min(seen["contrasts"]) >= 4.5
    assert seen["ground"] < 0.05 if flags else seen["ground"] > 0.95
    # What a colour means in a figure is the same in both.
    assert seen["drawing"] > 0.95


def test_figures_tell_their_numbers_on_hover(page, tmp_path):
    differences, *maps, curves, costs = look(page, 1280, tmp_path, HOVER)["tips"]
    for cell in maps:
        assert [name for name, _ in cell] == ["batch size", "learning rate", "validation accuracy, %"]
        assert float(cell[2][1]) > 0
    names = ["learning rate", "batch size", "seed", "epoch", "validation accuracy, %", "validation loss"]
    assert [name for name, _ in curves] == names
    assert [name for name, _ in costs][:2] == ["mode", "test accuracy, %"]
    assert dict(differences)["pair"] == "full − bitfit"
    assert dict(differences)["verdict"] in ("more than chance", "may be chance")


def test_the_table_of_all_runs_sorts_and_filters(page, tmp_path):
    seen = look(page, 800, tmp_path, TABLE)
    assert seen["before"] == seen["after"] == "8 of 8 rows"
    upwards = ["1e-4"] * 4 + ["3e-4"] * 4
    assert seen["learning rate"] == [["ascending", upwards], ["descending", upwards[::-1]]]
    ((_, speeds),) = seen["tokens per second"]
    numbers = [int(speed.replace(",", "")) for speed in speeds]
    assert numbers == sorted(numbers)
    assert seen["sorted"] == 1
    assert seen["filtered"] == ["2 of 8 rows", ["full"] * 2, ["3e-4"] * 2]
    assert seen["none"] == "0 of 8 rows"


@pytest.fixture
def thousand(tmp_path) -> str:
    """Return a page whose table has a thousand rows, one of them with an empty cell."""
    rows = "\n".join(f"| bitfit | {index * 7919 % 1000} | {'' if index == 500 else index} |" for index in range(1000))
    return to_html(f"## All 1000 runs\n\n| mode | number | other |\n|---|---|---|\n{rows}\n", "title", tmp_path)


def test_a_thousand_runs_sort_with_what_is_empty_last(thousand, tmp_path):
    actions = """
      const [, number, other] = document.querySelectorAll("th button");
      number.click(), number.click(), number.click(), other.click(), other.click();
      const cells = [...document.querySelectorAll("tbody tr")].map((row) => row.cells[2].textContent);
      seen.ends = [cells[0], cells.at(-2), cells.at(-1)];
    """
    seen = look(thousand, 800, tmp_path, actions)
    assert seen["ends"] == ["999", "0", ""]


def printed(page, folder) -> tuple[int, str]:
    """Return the number of pages on paper, and their text."""
    chromium(folder, f"--print-to-pdf={folder / 'page.pdf'}", "--no-pdf-header-footer", page.as_uri())
    pages = len(re.findall(rb"/Type\s*/Page\b", (folder / "page.pdf").read_bytes()))
    command = ["pdftotext", "-layout", folder / "page.pdf", "-"]
    return pages, subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext on this machine")
def test_it_prints_on_few_pages_with_all_its_parts(results, tmp_path):
    pages, text = printed(results / "report" / "index.html", tmp_path)
    assert 3 <= pages <= 9
    for part in ("Selected runs", "Figure 1.", "Figure 3.", "Methods", "diverged", "8 of 8 rows"):
        assert part in text
    assert "Rows with" not in text


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext on this machine")
def test_a_long_table_prints_whole_with_its_header_on_each_page(thousand, tmp_path):
    (tmp_path / "long.html").write_text(thousand)
    pages, text = printed(tmp_path / "long.html", tmp_path)
    assert pages > 5
    assert text.count("number") == pages
    assert text.count("bitfit") == 1000


def test_snakemake_s_own_report_has_captions_and_categories(finished, tmp_path):
    target = tmp_path / "report.html"
    done = finished.snakemake("--report", target, "--configfile", "configs/small.yaml")
    assert done.returncode == 0, done.stdout
    text = target.read_text()
    for category in ("The report", "Data", "Validation", "Test", "Runs", "Costs"):
        assert f'"{category}": {{' in text
    for caption in (
        "Validation of <strong>bitfit</strong> over batch size and learning rate",
        "one line a run and one panel a mode",
        "One file; it opens without a network",
        "read once a mode by its selected runs",
        "What each run has cost",
    ):
        assert caption in text.replace("\\n", " ").replace("\\u003c", "<")
