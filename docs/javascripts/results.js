// The table of results: headers sort, and a family or a word filters rows and marks. Without this
// script the table stands as it was built, the best Fréchet distance first.
function value(row, column) {
  const cell = row.cells[column].dataset.value;
  return cell === undefined || cell === "" || isNaN(cell) ? cell : Number(cell);
}

function sort(table, header, direction) {
  const column = header.cellIndex;
  const sign = direction === "ascending" ? 1 : -1;
  const body = table.querySelector("tbody.rows");
  const rows = [...body.rows].sort((a, b) => {
    const [x, y] = [value(a, column), value(b, column)];
    if (x === undefined || y === undefined) {
      return (x === undefined) - (y === undefined); // what has no value comes last, both ways
    }
    return sign * (typeof x === "number" ? x - y : x.localeCompare(y));
  });
  table.querySelectorAll("[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", direction);
  body.append(...rows);
}

function sortable(header) {
  const button = document.createElement("button");
  button.type = "button";
  const title = header.querySelector("span");
  title.replaceWith(button);
  button.append(title);
  button.addEventListener("click", () => {
    const now = header.getAttribute("aria-sort");
    const turned = now === "ascending" ? "descending" : "ascending";
    sort(header.closest("table"), header, now ? turned : header.dataset.first);
  });
}

function filter(results) {
  const form = results.querySelector("form");
  const output = form.querySelector("output");
  const words = form.elements.find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const family = form.elements.family.value;
  const out = new Set();
  let shown = 0;
  for (const section of results.querySelectorAll("section.dataset")) {
    let here = 0;
    for (const row of section.querySelectorAll("tbody.rows tr")) {
      const fits = (!family || row.dataset.family === family)
        && words.every((word) => row.dataset.find.includes(word));
      row.hidden = !fits;
      here += fits;
      if (!fits) {
        out.add(row.id);
      }
    }
    section.hidden = !here;
    shown += here;
  }
  for (const mark of results.querySelectorAll(".scatter a")) {
    mark.classList.toggle("out", out.has(mark.dataset.key));
    mark.tabIndex = out.has(mark.dataset.key) ? -1 : 0;
  }
  const all = output.dataset.all;
  output.textContent = shown === Number(all) ? `${all} generators`
    : shown ? `${shown} of ${all} generators` : "none fits: choose all, or another word";
}

document$.subscribe(() => {
  const results = document.querySelector(".results");
  if (!results?.querySelector("form")) {
    return; // no table here, or its pictures alone
  }
  results.querySelectorAll("thead [data-first]").forEach(sortable);
  const form = results.querySelector("form");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => filter(results));
  filter(results); // browsers keep what was chosen when one comes back
});
