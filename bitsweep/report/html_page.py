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


def to_html(markdown: str, title: str, folder: Path) -> str:
    """The page for a report's Markdown, with the figures under `folder` in it: SVG files with JSON beside them."""
    converter = MarkdownIt("commonmark", {"html": False}).enable("table")
    converter.add_render_rule("image", lambda _, tokens, index, *rest: figure(tokens[index], folder))
    converter.add_render_rule("table_open", lambda *_: '<div class="scroll" tabindex="0"><table>')
    converter.add_render_rule("table_close", lambda *_: "</table></div>")
    tokens = converter.parse(markdown)
    links = arrange(tokens)
    start = next((index for index, token in enumerate(tokens) if token.tag == "h2"), 0)
    opening, body = (
        converter.renderer.render(part, converter.options, {}) for part in (tokens[:start], tokens[start:])
    )
    script = SCRIPT.read_text(encoding="utf-8")
    if '<figure class="chart"' in body:
        script = f"{chart_library()}\n</script>\n<script>\n{script}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n{opening}{contents(links)}{body}</main>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def arrange(tokens: list[Token]) -> dict[str, str]:
    """Gives sections names to link to, and lines of figures a box of their own; returns the titles by their names."""
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
    """A figure with its caption: an image, and the chart that takes its place where scripts run."""
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
    """Vega, Vega-Lite and Vega-Embed as one script, in the version of altair's charts, which vl-convert carries."""
    version = alt.SCHEMA_VERSION.rsplit(".", 1)[0].removeprefix("v")
    script = vl_convert.javascript_bundle(vl_version=version)
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
