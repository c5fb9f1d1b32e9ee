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
  for (const table of document.querySelectorAll(".md-typeset__scrollwrap, .highlight pre")) {
    table.tabIndex = 0;
  }
});
