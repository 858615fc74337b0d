// What the pages do beyond links and forms. Everything works without it, but for copying and downloading.
"use strict";

const dialog = document.getElementById("dialog");

// A dialog is a page that htmx fetched without its frame.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "dialog-content") return;
  prepare(event.detail.target);
  dialog.showModal();
});
// What is refused or gone is shown as the page that it is.
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.elt.href) window.location.assign(event.detail.elt.href);
});
document.addEventListener("click", (event) => {
  // Not by a click beside it, which would lose what was typed.
  if (!dialog.open || !event.target.closest("[data-close-dialog]")) return;
  event.preventDefault();
  dialog.close();
});
dialog.addEventListener("close", () => {
  document.getElementById("dialog-content").replaceChildren();
});

// One menu open at a time, closed by Escape or a click beside it.
const closeMenus = (except) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
};
document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus(null);
});

const text = (id) => document.getElementById(id).textContent;

async function copy(button) {
  try {
    await navigator.clipboard.writeText(text(button.dataset.copy));
    button.dataset.done = "Copied";
  } catch {
    window.getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    button.dataset.done = "Selected: press Ctrl+C";
  }
  setTimeout(() => delete button.dataset.done, 2500);
}

function download(button) {
  const lines = `CONCORD_KEY=${text(button.dataset.key)}\nCONCORD_SECRET=${text(button.dataset.secret)}\n`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines], { type: "text/plain" }));
  link.download = button.dataset.download;
  link.click();
  URL.revokeObjectURL(link.href);
}

// An id field that was used before stays with its system: it answers the first two questions.
function fixByField(form) {
  const parts = { "unique_data": "uniqueData", "kind": "kind", "system_name": "systemName" };
  const chosen = form.querySelector("input[name=id_field]:checked");
  for (const box of form.querySelectorAll(".find")) {
    box.hidden = Boolean(chosen && "kind" in chosen.dataset);
    if (!box.hidden) continue;
    box.value = "";
    box.dispatchEvent(new Event("input"));
  }
  for (const [name, key] of Object.entries(parts)) {
    const field = form.elements[name];
    const fixed = chosen && key in chosen.dataset;
    const wasFixed = field.classList.contains("fixed");
    if (fixed && !wasFixed) field.dataset.own = field.value;
    if (fixed) field.value = chosen.dataset[key];
    else if (wasFixed) field.value = field.dataset.own;
    // Not disabled: what is disabled is not read out, and not sent.
    field.toggleAttribute("readonly", Boolean(fixed));
    field.classList.toggle("fixed", Boolean(fixed));
    field.setAttribute("aria-disabled", String(Boolean(fixed)));
  }
}

// A long list gets a box beside it: typing leaves what matches, and chooses the first of that.
function addFinder(select) {
  const parts = [...select.children];
  const choices = [...select.options].map((option) => ({ option, parent: option.parentElement }));
  const box = document.createElement("input");
  Object.assign(box, { type: "search", className: "form-control find", placeholder: select.dataset.find });
  box.setAttribute("aria-label", select.dataset.find);
  box.addEventListener("input", () => {
    const sought = box.value.trim().toLowerCase();
    const chosen = select.value;
    const matches = choices.filter(({ option, parent }) => {
      const fits = option.value ? option.text.toLowerCase().includes(sought) : !sought;
      if (fits) parent.append(option);
      else option.remove();
      return fits;
    });
    select.replaceChildren(...parts.filter((part) => (part.tagName === "OPTION" ? !sought : part.childElementCount)));
    if (sought && matches.length) select.value = matches[0].option.value;
    else select.value = chosen;
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  select.before(box);
}

function prepare(root) {
  for (const select of root.querySelectorAll("select[data-find]")) addFinder(select);
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
  for (const button of root.querySelectorAll("[data-download]")) {
    button.hidden = false;
    button.addEventListener("click", () => download(button));
  }
  for (const part of root.querySelectorAll("[data-fixed-by-field]")) {
    const form = part.closest("form");
    form.addEventListener("change", () => fixByField(form));
    fixByField(form);
  }
  // A form that is sent twice does what it does twice: the second click is not taken.
  for (const form of root.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    });
  }
}

// Back in the history a page is as it was left, with its form sent.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

prepare(document);
