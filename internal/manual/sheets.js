// Has a language that is chosen once hold for all code of the manual. Without it, each choice is for one block alone.
"use strict";
const key = "purser-language";

// languageOf a choice. What is for the shell is called by what it calls.
const languageOf = (input) => input.labels[0].textContent.replace("Command line", "curl");

function choose(language) {
  for (const input of document.querySelectorAll(".sheets input")) {
    if (languageOf(input) === language) input.checked = true;
  }
}

document.addEventListener("change", ({ target }) => {
  if (!target.closest(".sheets")) return;
  const language = languageOf(target);
  const before = target.getBoundingClientRect().top;
  choose(language);
  scrollBy(0, target.getBoundingClientRect().top - before); // what is above may be longer now
  try {
    localStorage.setItem(key, language);
  } catch {
    // A browser that keeps nothing: it holds for this page.
  }
});

try {
  const language = localStorage.getItem(key);
  if (language) choose(language);
} catch {
  // As above.
}
