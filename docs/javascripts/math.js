// Material wraps buttons and sidebars in navigations without a name, which screen readers would list
// as so many equal landmarks.
const anonymous = "nav.md-code__nav, nav.md-post__action, nav.md-nav:not([aria-label])";
function quieten() {
  for (const nav of document.querySelectorAll(anonymous)) {
    if (nav.getAttribute("role") !== "presentation") {
      nav.removeAttribute("aria-labelledby");
      nav.setAttribute("role", "presentation");
    }
  }
}
quieten();
new MutationObserver(quieten).observe(document.body, { childList: true, subtree: true });

// Renders what pymdownx.arithmatex marked, with the KaTeX that this site ships.
document$.subscribe(() => {
  for (const element of document.querySelectorAll(".arithmatex:not(.rendered)")) {
    const text = element.textContent.trim();
    const display = text.startsWith("\\[") || text.startsWith("$$");
    const source = text.replace(/^(\\\(|\\\[|\$\$)/, "").replace(/(\\\)|\\\]|\$\$)$/, "");
    katex.render(source, element, { displayMode: display, throwOnError: false });
    element.classList.add("rendered");
    if (display) {
      element.tabIndex = 0; // a wide formula scrolls: the keyboard must reach it
      element.setAttribute("role", "math");
      element.setAttribute("aria-label", source);
    }
  }
  for (const table of document.querySelectorAll(".md-typeset__scrollwrap, .highlight pre, .highlight-ipynb")) {
    table.tabIndex = 0;
  }
});
