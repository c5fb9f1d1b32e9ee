// What a citation cites: title and contribution beside it, on hover and on keyboard focus. Escape
// puts it away. Without this script a citation is a link to the list at the end of the page.
function telling(link, box) {
  const item = document.getElementById(link.hash.slice(1));
  const title = item && item.querySelector("a");
  if (!title) {
    return false;
  }
  const [strong, text] = [document.createElement("strong"), document.createElement("span")];
  strong.textContent = title.textContent;
  text.textContent = item.dataset.about;
  for (const part of [strong, text]) {
    part.lang = "en"; // titles and our sentences are English on French pages as well
  }
  box.replaceChildren(strong, text);
  return true;
}

function beside(link, box) {
  const at = link.getClientRects()[0];
  const room = document.documentElement.clientWidth;
  const origin = (box.offsetParent || document.body).getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(at.left, room - box.offsetWidth - 8)) - origin.left}px`;
  const above = at.top - box.offsetHeight - 6;
  const head = document.querySelector(".md-header");
  const fits = above > (head ? head.getBoundingClientRect().bottom : 0);
  box.style.top = `${(fits ? above : link.getBoundingClientRect().bottom + 6) - origin.top}px`;
}

document$.subscribe(() => {
  const links = document.querySelectorAll("a.cite");
  if (!links.length) {
    return;
  }
  const box = document.createElement("div");
  box.id = "cited";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  document.querySelector("main").append(box);
  let leaving;
  const hide = () => {
    box.hidden = true;
    document.querySelectorAll("[aria-describedby=cited]").forEach((a) => a.removeAttribute("aria-describedby"));
  };
  const show = (event) => {
    clearTimeout(leaving);
    hide();
    const link = event.currentTarget;
    if (telling(link, box)) {
      link.setAttribute("aria-describedby", "cited");
      box.hidden = false;
      beside(link, box);
    }
  };
  const leave = () => { leaving = setTimeout(hide, 150); }; // time to reach the box itself
  for (const link of links) {
    link.addEventListener("mouseenter", show);
    link.addEventListener("mouseleave", leave);
    link.addEventListener("focus", show);
    link.addEventListener("blur", hide);
    link.addEventListener("click", hide);
  }
  box.addEventListener("mouseenter", () => clearTimeout(leaving));
  box.addEventListener("mouseleave", leave);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
});
