// A file may be dropped anywhere on its box; what is too large is told before it is sent.
"use strict";

for (const form of document.querySelectorAll("form[data-limit]")) {
  const input = form.querySelector("input[type=file]");
  const box = form.querySelector(".drop");
  const button = form.querySelector("[data-sending]");
  const tell = () => {
    const limit = Number(form.dataset.limit);
    const isTooLarge = input.files.length > 0 && input.files[0].size > limit;
    input.setCustomValidity(isTooLarge ? `Send at most ${limit.toLocaleString("en")} bytes; split the file.` : "");
    input.reportValidity();
  };
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    box.addEventListener(name, (event) => {
      event.preventDefault();
      box.classList.toggle("drop-over", name === "dragenter" || name === "dragover");
    });
  }
  box.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    tell();
  });
  input.addEventListener("change", tell);
  form.addEventListener("submit", (event) => {
    if (input.validity.customError) {
      event.preventDefault();
      delete form.dataset.sent;
      input.reportValidity();
    } else if (!event.defaultPrevented) {
      button.textContent = button.dataset.sending;
    }
  });
}
