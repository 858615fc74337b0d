// Deciding by keyboard, and choices that follow the contact that stays. Everything works without it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const OFF = "concord-keys-off";
  const help = document.querySelector(".keys");
  const onOff = document.querySelector("[data-keys]");
  if (help) {
    help.hidden = false;
    onOff.checked = !localStorage.getItem(OFF);
    onOff.addEventListener("change", () => {
      if (onOff.checked) localStorage.removeItem(OFF);
      else localStorage.setItem(OFF, "yes");
    });
  }

  const isTyping = (element) =>
    element.matches("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]") || localStorage.getItem(OFF)) return;
    document.querySelector(`[data-key="${CSS.escape(event.key)}"]`)?.click();
  });

  // The values of the contact that stays, but for those that somebody chose.
  const chosen = new Set();
  document.addEventListener("change", (event) => {
    const { name, value } = event.target;
    if (name?.startsWith("choice-")) chosen.add(name);
    if (name !== "survivor") return;
    for (const radio of document.querySelectorAll(`input[name^="choice-"][value="${CSS.escape(value)}"]`)) {
      if (!chosen.has(radio.name)) radio.checked = true;
    }
  });
});
