/** Filtering and expanding only; without it the page shows everything that matters. */
export const script = `
const all = (selector) => [...document.querySelectorAll(selector)];
const search = document.getElementById("search");
const toggle = document.getElementById("toggle");
function filter() {
  const text = search ? search.value.trim().toLowerCase() : "";
  const off = new Set(all("[data-severity]").filter((box) => !box.checked).map((box) => box.dataset.severity));
  for (const item of all("[data-filter]"))
    item.hidden = off.has(item.dataset.kind) || (text !== "" && !item.textContent.toLowerCase().includes(text));
}
if (search) search.addEventListener("input", filter);
for (const box of all("[data-severity]")) box.addEventListener("change", filter);
if (toggle) toggle.addEventListener("click", () => {
  const open = toggle.textContent === "Open all";
  for (const item of all("details.finding")) item.open = open;
  toggle.textContent = open ? "Close all" : "Open all";
});
function reveal() {
  const item = document.getElementById(location.hash.slice(1));
  if (item && item.tagName === "DETAILS") { item.open = true; item.scrollIntoView(); }
}
addEventListener("hashchange", reveal);
reveal();
addEventListener("beforeprint", () => { for (const item of all("details")) item.open = true; });
`;
