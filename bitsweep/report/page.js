// Draws the charts of figures, opens what is folded where it is asked for, and lets the table of all runs sort and filter.
"use strict";

// In print, and until its chart is drawn, a figure shows its image.
for (const figure of document.querySelectorAll("figure.chart")) {
  const chart = JSON.parse(figure.querySelector("script").textContent);
  const place = document.createElement("div");
  vegaEmbed(place, chart, { renderer: "svg", actions: false }).then(() => {
    place.ariaLabel = figure.querySelector("img").alt;
    figure.querySelector(".drawing").append(place);
    figure.classList.add("drawn");
  });
}

// A link into a folded section opens it.
function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  const folded = target && target.closest("details");
  if (folded) folded.open = true;
}
addEventListener("hashchange", openTarget);
// Also where the address names it already.
document.querySelector("nav")?.addEventListener("click", () => setTimeout(openTarget));
openTarget();

// On paper everything is open.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const folded of opened) folded.open = true;
});
addEventListener("afterprint", () => {
  for (const folded of opened) folded.open = false;
});

// The contents mark the section that is read.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target.querySelector("h2").id)?.setAttribute("aria-current", "true");
    }
  },
  { rootMargin: "0px 0px -80% 0px" },
);
for (const section of document.querySelectorAll(".section")) watcher.observe(section);

function number(text) {
  return text === "" ? NaN : Number(text.replace(/[,%\s]/g, "").replace("−", "-"));
}

// Of two cells the lower first; numbers by their value, empty cells last whatever the direction.
function compare(one, other, numeric, direction) {
  if (one === "" || other === "") return (one === "") - (other === "");
  return direction * (numeric ? number(one) - number(other) : one.localeCompare(other));
}

function makeInteractive(box) {
  const body = box.querySelector("tbody");
  const rows = [...body.rows].map((row) => {
    const cells = [...row.cells].map((cell) => cell.textContent.trim());
    return { row, cells, text: cells.join(" ").toLowerCase() };
  });
  const bar = document.createElement("p");
  bar.className = "filter";
  bar.innerHTML = '<label>Rows with <input type="search" placeholder="full 3e-4"></label> <output></output>';
  box.before(bar);
  const [input, output] = bar.querySelectorAll("input, output");

  function show() {
    const words = input.value.toLowerCase().split(/\s+/);
    const shown = rows.filter(({ text }) => words.every((word) => text.includes(word)));
    body.replaceChildren(...shown.map(({ row }) => row));
    output.value = `${shown.length} of ${rows.length} rows`;
  }

  const headers = [...box.querySelectorAll("th")];
  headers.forEach((header, column) => {
    const numeric = rows.every(({ cells }) => cells[column] === "" || !Number.isNaN(number(cells[column])));
    const button = document.createElement("button");
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const direction = header.ariaSort === "ascending" ? -1 : 1;
      for (const other of headers) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      rows.sort((one, other) => compare(one.cells[column], other.cells[column], numeric, direction));
      show();
    });
  });
  input.addEventListener("input", show);
  show();
}

const allRuns = document.querySelector("details:has(#all-runs) .scroll");
if (allRuns) {
  allRuns.classList.add("sortable");
  makeInteractive(allRuns);
}
