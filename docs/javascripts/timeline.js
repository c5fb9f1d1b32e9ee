// The timeline: a family or a word filters; a work that one points at, focuses or chooses shows its
// card, and arrows lead to it from what it builds on. Without this script the list stands there.
function arrows(board, point, points) {
  const svg = board.querySelector(".arrows");
  const origin = board.getBoundingClientRect();
  const box = (of) => {
    const r = of.getBoundingClientRect();
    return { left: r.left - origin.left, right: r.right - origin.left, y: r.top - origin.top + r.height / 2 };
  };
  const line = (from, to, kind) => {
    const [a, b] = [box(from), box(to)];
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const ahead = a.right < b.left - 8; // else, within a column, round its left side
    const start = ahead ? a.right : a.left;
    const bend = Math.max(14, Math.abs(b.left - start) / 2);
    const out = ahead ? bend : -14;
    path.setAttribute("d", `M${start} ${a.y} C${start + out} ${a.y} ${b.left - bend} ${b.y} ${b.left - 5} ${b.y} m-4 -4 l4 4 l-4 4`);
    path.setAttribute("class", kind);
    return path;
  };
  const visible = (other) => other && !other.hidden && !other.closest("[hidden]");
  const bases = point ? point.dataset.bases.split(" ").map((key) => points.get(key)).filter(visible) : [];
  const heirs = point ? [...points.values()].filter((other) => visible(other)
    && other.dataset.bases.split(" ").includes(point.dataset.key)) : [];
  for (const other of points.values()) {
    other.classList.toggle("base", bases.includes(other));
    other.classList.toggle("heir", heirs.includes(other));
    other.classList.toggle("now", other === point);
  }
  svg.replaceChildren(...heirs.map((heir) => line(point, heir, "heir")), ...bases.map((base) => line(base, point, "base")));
}

function neighbour(point, key, shown) {
  const at = point.getBoundingClientRect();
  const distance = (other) => {
    const to = other.getBoundingClientRect();
    const [x, y] = [(to.left - at.left), (to.top - at.top)];
    const [ahead, aside] = { ArrowRight: [x, y], ArrowLeft: [-x, y], ArrowDown: [y, x], ArrowUp: [-y, x] }[key];
    return ahead > 1 ? ahead + 4 * Math.abs(aside) : Infinity;
  };
  return shown.reduce((best, other) => (distance(other) < distance(best) ? other : best), point);
}

function timeline(root) {
  const [form, board] = [root.querySelector("form"), root.querySelector(".timeline-board")];
  const card = board.querySelector(".card");
  const entries = [...root.querySelectorAll(".timeline-list li")];
  const points = new Map([...board.querySelectorAll("[data-key]")].map((point) => [point.dataset.key, point]));
  const jumps = root.querySelectorAll("nav a"); // one a year, as the sections
  const invitation = card.innerHTML;
  let chosen = null;
  const shown = () => [...points.values()].filter((point) => !point.hidden);
  const stop = (point) => points.forEach((other) => { other.tabIndex = other === point ? 0 : -1; });

  function tell(point) {
    arrows(board, point, points);
    card.innerHTML = point ? document.getElementById(`t-${point.dataset.key}`).innerHTML : invitation;
    card.scrollTop = 0;
  }
  function choose(point) {
    chosen = point;
    points.forEach((other) => other.setAttribute("aria-pressed", other === point));
    tell(point);
  }
  function filter() {
    const words = form.elements.find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const family = form.elements.family.value;
    let count = 0;
    for (const entry of entries) {
      const fits = (!family || entry.dataset.family === family) && words.every((word) => entry.dataset.find.includes(word));
      entry.hidden = points.get(entry.id.slice(2)).hidden = !fits;
      count += fits;
    }
    root.querySelectorAll(".lane").forEach((lane) => { lane.hidden = !lane.querySelector("button:not([hidden])"); });
    root.querySelectorAll("section").forEach((year, at) => {
      year.hidden = jumps[at].hidden = !year.querySelector("li:not([hidden])");
    });
    const output = form.querySelector("output");
    const all = output.dataset.all;
    output.textContent = count === Number(all) ? `${all} works`
      : count ? `${count} of ${all} works` : "none fits: choose all, or another word";
    choose(null);
    stop(shown()[0]);
  }
  points.forEach((point) => {
    point.addEventListener("mouseenter", () => chosen || tell(point));
    point.addEventListener("focus", () => { stop(point); chosen || tell(point); });
    point.addEventListener("click", () => choose(point === chosen ? null : point));
  });
  board.addEventListener("keydown", (event) => {
    const point = event.target.closest("[data-key]");
    if (event.key === "Escape") {
      choose(null);
    } else if (point && event.key.startsWith("Arrow")) {
      event.preventDefault();
      chosen = null;
      neighbour(point, event.key, shown()).focus();
    }
  });
  card.addEventListener("click", (event) => { // what it builds on is on the board
    const link = event.target.closest('a[href^="#t-"]');
    const point = link && points.get(link.hash.slice(3));
    if (point && !point.hidden) {
      event.preventDefault();
      choose(point);
      point.focus();
    }
  });
  window.addEventListener("resize", () => arrows(board, chosen, points));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  filter(); // browsers keep what was chosen when one comes back
}

document$.subscribe(() => document.querySelectorAll(".timeline").forEach(timeline));
