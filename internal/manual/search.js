// Finds passages of the manual by words: passages.js holds them, and nothing is sent anywhere.
"use strict";
const field = document.getElementById("search.words");
const most = 40;

// shorter has plurals find what is said of one.
const shorter = (word) => (word.length > 3 && word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word);

// worth is what a passage is worth for words that all have to be in it; 0 where one is not.
function worth([to, title, heading, text], words) {
  const parts = [[heading.toLowerCase(), 12], [title.toLowerCase(), 5], [to.split("#")[0], 5], [text.toLowerCase(), 1]];
  const phrase = words.join(" ");
  let sum = parts[0][0] === phrase ? 50 : parts[3][0].includes(phrase) ? 4 : 0;
  for (const word of words) {
    let best = 0;
    for (const [part, weight] of parts) {
      const at = part.indexOf(word);
      if (at < 0) continue;
      const begins = at === 0 || !/[\p{L}\p{N}_]/u.test(part[at - 1]);
      const times = weight === 1 ? Math.min(part.split(word).length - 1, 4) : 1;
      best += weight * times * (begins ? 2 : 1);
    }
    if (best === 0) return 0;
    sum += best;
  }
  return sum;
}

// marked puts a text into an element, with the words marked.
function marked(element, text, words) {
  const any = new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "gi");
  let at = 0;
  for (const found of text.matchAll(any)) {
    const mark = document.createElement("mark");
    mark.textContent = found[0];
    element.append(text.slice(at, found.index), mark);
    at = found.index + found[0].length;
  }
  element.append(text.slice(at));
}

// around is the part of a text in which the first of the words stands, in whole words.
function around(text, words) {
  const places = words.map((word) => text.toLowerCase().indexOf(word)).filter((at) => at >= 0);
  const near = places.length === 0 ? 0 : Math.max(0, Math.min(...places) - 80);
  const from = near === 0 ? 0 : text.indexOf(" ", near) + 1;
  const to = text.length > from + 240 ? text.lastIndexOf(" ", from + 240) : text.length;
  return (from > 0 ? "… " : "") + text.slice(from, to > from ? to : from + 240) + (to < text.length ? " …" : "");
}

function show() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean).map(shorter);
  const hits = words.length === 0 ? [] : passages
    .map((passage) => ({ passage, sum: worth(passage, words) }))
    .filter(({ sum }) => sum > 0)
    .sort((a, b) => b.sum - a.sum);
  const list = document.querySelector("#found");
  list.replaceChildren(...hits.slice(0, most).map(({ passage: [to, title, heading, text] }) => {
    const item = document.createElement("li"), link = document.createElement("a"), part = document.createElement("p");
    link.href = to;
    marked(link, heading, words);
    item.append(link, heading === title ? "" : ` in ${title}`, part);
    marked(part, around(text, words), words);
    return item;
  }));
  document.querySelector("#said").textContent =
    words.length === 0 ? "Type some words above."
      : hits.length === 0 ? "Nothing has all of these words. Try fewer of them, or the index of everything."
        : hits.length > most ? `${hits.length} places; here are the first ${most}.` : `${hits.length} place${hits.length === 1 ? "" : "s"}.`;
}

field.value = new URLSearchParams(location.search).get("q") ?? "";
field.addEventListener("input", () => {
  show();
  if (location.protocol !== "file:") history.replaceState(null, "", `?q=${encodeURIComponent(field.value)}`);
});
field.form.addEventListener("submit", (event) => event.preventDefault());
if (field.value === "") field.focus();
show();
