// A page with work under way looks again by itself, for as long as somebody looks at it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  if (document.querySelector("[data-refresh]")) {
    setInterval(() => document.hidden || location.reload(), 2000);
  }
});
