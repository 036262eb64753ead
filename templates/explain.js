"use strict";
// An instruction's copies light up together; a block leads to its instructions.
let pinned = null;
function light(name, value, on) {
  for (const element of document.querySelectorAll(`[data-${name}="${value}"]`)) element.classList.toggle("on", on);
}
for (const row of document.querySelectorAll(".row[data-pc]")) {
  row.addEventListener("mouseenter", () => light("pc", row.dataset.pc, true));
  row.addEventListener("mouseleave", () => { if (pinned !== row.dataset.pc) light("pc", row.dataset.pc, false); });
  row.addEventListener("click", () => {
    if (getSelection().toString()) return;
    const again = pinned === row.dataset.pc;
    if (pinned) light("pc", pinned, false);
    pinned = again ? null : row.dataset.pc;
    if (pinned) light("pc", pinned, true);
  });
}
for (const block of document.querySelectorAll("[data-block]")) {
  block.addEventListener("mouseenter", () => light("block", block.dataset.block, true));
  block.addEventListener("mouseleave", () => light("block", block.dataset.block, false));
}
for (const block of document.querySelectorAll("g.block")) {
  block.addEventListener("click", () => {
    document.getElementById("block" + block.dataset.block)?.scrollIntoView({ behavior: "smooth", block: "center" });
  });
}
function reveal() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") target.open = true;
}
addEventListener("hashchange", reveal);
reveal();
