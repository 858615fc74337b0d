// What the pages do beyond links and forms. Everything works without it, but for copying and downloading.
"use strict";

const dialog = document.getElementById("dialog");
const REFUSED = [409, 422]; // a page that says why

// A dialog is a page that htmx fetched without its frame.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "dialog-content" || !REFUSED.includes(event.detail.xhr.status)) return;
  Object.assign(event.detail, { shouldSwap: true, isError: false });
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "dialog-content") return;
  prepareDialog(event.detail.target);
  dialog.showModal();
});
// What is forbidden or gone is shown as the page that it is.
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

// Its forms are sent from where they are: what is wrong is told in the dialog, with what was typed.
function prepareDialog(content) {
  prepare(content);
  for (const form of content.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented) return;
      event.preventDefault();
      // Whatever has no place in a dialog, such as an answer of 500, is shown as the page that it is.
      send(form, event.submitter).catch(() => form.submit());
    });
  }
}

async function send(form, button) {
  const answer = await fetch(form.action, {
    method: "POST",
    body: new FormData(form, button),
    headers: { "HX-Request": "true" },
  });
  const address = answer.headers.get("HX-Redirect");
  if (address) {
    window.location.assign(address);
  } else if (REFUSED.includes(answer.status)) {
    const content = document.getElementById("dialog-content");
    show(content, await answer.text());
    prepareDialog(content);
    focusFirstError(content);
  } else if (!answer.ok) {
    throw new Error(answer.statusText);
  } else if (answer.headers.has("Content-Disposition")) {
    const [, name] = answer.headers.get("Content-Disposition").match(/filename="([^"]+)"/);
    save(await answer.blob(), name);
    dialog.close();
  } else {
    // A page that is the answer itself, such as the one with a secret
    const main = document.getElementById("content");
    dialog.close();
    show(main, await answer.text());
    prepare(main);
    document.title = `${main.querySelector("h1").textContent.trim()} · Concord`;
    window.scrollTo(0, 0);
    main.focus();
  }
}

function show(place, page) {
  place.innerHTML = page;
  htmx.process(place);
}

function focusFirstError(root) {
  const wrong = root.querySelector("[aria-invalid=true], .is-invalid input:enabled, .notice-error, .alert") || root;
  const folded = wrong.closest("details");
  if (folded) folded.open = true;
  if (!wrong.matches("input, select, textarea")) wrong.tabIndex = -1;
  wrong.focus();
}

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
  save(new Blob([lines], { type: "text/plain" }), button.dataset.download);
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
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
