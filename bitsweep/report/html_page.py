"""The report's Markdown as one HTML page that opens without a network: style, script, figures and charts are in it."""

import base64
import html
import re
from pathlib import Path

import altair as alt
import vl_convert
from markdown_it import MarkdownIt
from markdown_it.token import Token

STYLE, SCRIPT = (Path(__file__).with_name(name) for name in ("page.css", "page.js"))
# Sections that open on a click: long, and not what a first reader looks for.
FOLDED = ("what-the-encoder-reads", "methods", "all-scores-of-the-selected-runs", "all-runs")


def to_html(markdown: str, title: str, folder: Path) -> str:
    """Return the page of a report's Markdown, with the figures of `folder` in it: SVG files with JSON beside them."""
    converter = MarkdownIt("commonmark", {"html": False}).enable("table")
    converter.add_render_rule("image", lambda _, tokens, index, *rest: figure(tokens[index], folder))
    converter.add_render_rule("table_open", lambda *_: '<div class="scroll" tabindex="0"><table>')
    converter.add_render_rule("table_close", lambda *_: "</table></div>")
    tokens = converter.parse(markdown)
    links = arrange(tokens)
    opening, *sections = split_sections(tokens)

    def render(part: list[Token]) -> str:
        return converter.renderer.render(part, converter.options, {})

    body = "".join(section(part[0].attrGet("id"), render(part[:3]), render(part[3:])) for part in sections)
    script = SCRIPT.read_text(encoding="utf-8")
    if '<figure class="chart"' in body:
        script = f"{chart_library()}\n</script>\n<script>\n{script}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n<header>\n{render(opening)}</header>\n{contents(links)}<main>\n{body}</main>\n"
        f"<script>\n{script}</script>\n</body>\n</html>\n"
    )


def split_sections(tokens: list[Token]) -> list[list[Token]]:
    """Split a page's tokens at its headings of the second level; the first part is what stands before them."""
    starts = [index for index, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2"]
    return [tokens[start:end] for start, end in zip([0, *starts], [*starts, len(tokens)], strict=True)]


def section(name: str, heading: str, body: str) -> str:
    """Return a section of the page, which opens on a click where it is one of FOLDED."""
    if name in FOLDED:
        return f'<details class="section">\n<summary>{heading}</summary>\n{body}</details>\n'
    return f'<section class="section">\n{heading}{body}</section>\n'


def arrange(tokens: list[Token]) -> dict[str, str]:
    """Give sections names to link to, and lines of figures a box of their own; return the titles by their names."""
    links = {}
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "heading_open" and opening.tag == "h2":
            # Without its numbers, which change: "All 40 runs" is all-runs.
            name = "-".join(re.findall(r"[a-z]+", inline.content.lower()))
            opening.attrSet("id", name)
            links[name] = inline.content
        elif opening.type == "paragraph_open" and {part.type for part in inline.children} <= {"image", "softbreak"}:
            opening.tag = closing.tag = "div"
            opening.attrSet("class", "figures")
            inline.children = [part for part in inline.children if part.type == "image"]
    return links


def contents(links: dict[str, str]) -> str:
    if not links:
        return ""
    items = "".join(f'<li><a href="#{name}">{html.escape(title)}</a></li>' for name, title in links.items())
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>\n'


def figure(token: Token, folder: Path) -> str:
    """Return a figure with its caption: an image, and the chart that takes its place where scripts run."""
    path, caption = folder / token.attrs["src"], html.escape(token.content)
    svg = path.read_text(encoding="utf-8")
    width = re.search(r'<svg[^>]*? width="([\d.]+)"', svg)[1]
    # "<" could end or reopen the script element; in JSON it stands only within strings.
    chart = path.with_suffix(".json").read_text(encoding="utf-8").replace("<", "\\u003c")
    return (
        f'<figure class="chart" style="--width: {width}px"><div class="drawing" tabindex="0">'
        f'<img src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}" alt="{caption}"></div>'
        f'<figcaption>{caption}</figcaption><script type="application/json">{chart}</script></figure>\n'
    )


def chart_library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, in the version of altair's charts (in vl-convert)."""
    version = alt.SCHEMA_VERSION.rsplit(".", 1)[0].removeprefix("v")
    script = vl_convert.javascript_bundle(vl_version=version)
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
