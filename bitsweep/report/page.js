// Draws the charts of figures, and lets the table of all runs sort and filter.
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

const allRuns = document.querySelector("#all-runs ~ .scroll");
if (allRuns) makeInteractive(allRuns);
