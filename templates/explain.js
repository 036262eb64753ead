"use strict";
// An instruction's copies light up together, a block in the drawing and in the listing.
let pinned = null;
function light(kind, name, on) {
  for (const element of document.querySelectorAll(`[data-${kind}="${name}"]`)) element.classList.toggle("on", on);
}
function pin(name) {
  if (pinned) light("pc", pinned, false);
  pinned = name === pinned ? null : name;
  if (pinned) light("pc", pinned, true);
}
function on(element, types, act) {
  for (const type of types) element.addEventListener(type, act);
}
for (const code of document.querySelectorAll(".code")) {
  // One stop for Tab; arrows go on from there.
  code.setAttribute("role", "grid");
  const rows = [...code.querySelectorAll("[data-pc]")];
  rows.forEach((row, i) => {
    const name = row.dataset.pc;
    row.tabIndex = i ? -1 : 0;
    on(row, ["mouseenter", "focus"], () => light("pc", name, true));
    on(row, ["mouseleave", "blur"], () => light("pc", name, name === pinned));
    on(row, ["click"], () => getSelection().isCollapsed && pin(name));
    on(row, ["keydown"], (event) => {
      const next = { ArrowUp: rows[i - 1], ArrowDown: rows[i + 1], Home: rows[0], End: rows.at(-1) }[event.key];
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (next) {
        row.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
      } else if (event.key === "Enter") pin(name);
      else return;
      event.preventDefault();
    });
  });
}
for (const block of document.querySelectorAll("[data-block]")) {
  on(block, ["mouseenter"], () => light("block", block.dataset.block, true));
  on(block, ["mouseleave"], () => light("block", block.dataset.block, false));
}
// What a link leads to may be in a closed region.
function reveal(hash) {
  const region = hash && document.getElementById(hash.slice(1))?.closest("details.region");
  if (region) region.open = true;
}
on(document, ["click"], (event) => reveal(event.target.closest("a")?.getAttribute("href")));
on(window, ["hashchange"], () => reveal(location.hash));
reveal(location.hash);
document.documentElement.classList.add("script");
