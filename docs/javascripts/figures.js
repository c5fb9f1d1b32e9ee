// Pictures that move: a still that a button plays. They start by themselves when they come into
// view, unless the reader asked for calm; they stop when they leave it. Cards open when a link
// leads to them.
const words = document.documentElement.lang === "fr" ? ["Lire", "Pause"] : ["Play", "Pause"];
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

function mover(figure) {
  const image = figure.querySelector("img");
  const still = image.getAttribute("src");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "play";
  let chosen = false;
  let playing = false;
  function set(plays) {
    playing = plays;
    image.src = plays ? figure.dataset.moves : still;
    button.textContent = words[Number(plays)];
    button.setAttribute("aria-label", `${button.textContent}: ${image.alt}`);
  }
  button.addEventListener("click", () => {
    chosen = true;
    set(!playing);
  });
  set(false);
  image.after(button);
  new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!chosen && !calm.matches) {
        set(entry.isIntersecting);
      }
    }
  }, { threshold: 0.4 }).observe(figure);
}

function openCard() {
  const target = location.hash.startsWith("#made-") && document.getElementById(location.hash.slice(1));
  const card = target && (target.closest("details") || target.nextElementSibling
    || target.parentElement.nextElementSibling);
  if (card && card.tagName === "DETAILS") {
    card.open = true;
    card.scrollIntoView();
  }
}
window.addEventListener("hashchange", openCard);

document$.subscribe(() => {
  document.querySelectorAll("figure[data-moves]").forEach(mover);
  openCard();
});
