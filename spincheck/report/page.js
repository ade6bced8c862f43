"use strict";
// Walks a path: one step is current, its file is shown, its line marked. Text enters the page by textContent only.
(() => {
  const root = document.documentElement;
  const paths = JSON.parse(document.getElementById("paths").textContent);
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  root.classList.add("js");

  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.classList.contains("dark") ||
      (!root.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
    root.classList.toggle("dark", !dark);
    root.classList.toggle("light", dark);
  });
  if (!paths.length) return;

  const walker = document.querySelector(".walker");
  const position = document.getElementById("position");
  const previous = document.getElementById("previous");
  const next = document.getElementById("next");
  walker.hidden = false;
  let violation = 0;
  let current = 0;

  const row = (step) => document.getElementById(`f${step.file}-${step.line}`);

  // Scrolls inside a box only; the page stays where it is.
  const centre = (box, element) => {
    const from = box.getBoundingClientRect();
    const one = element.getBoundingClientRect();
    box.scrollTop += one.top + one.height / 2 - from.top - box.clientHeight / 2;
  };

  const clean = () => {
    all("tr.said").forEach((one) => one.remove());
    all(".source tr.step, .source tr.held, .source tr.free, .source tr.aside, .source tr.now").forEach((one) => {
      one.classList.remove("step", "held", "free", "aside", "now");
      const gutter = one.querySelector(".g");
      gutter.textContent = "";
      gutter.removeAttribute("data-s");
    });
    all("mark").forEach((mark) => {
      const parent = mark.parentNode;
      mark.replaceWith(...mark.childNodes);
      parent.normalize();
    });
  };

  // Marks characters [start, end) of a line, whatever spans its colours are made of.
  const mark = (line, start, end) => {
    const walk = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    const parts = [];
    let at = 0;
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const characters = Array.from(node.data);
      const from = Math.max(start - at, 0);
      const to = Math.min(end - at, characters.length);
      if (from < to) parts.push([node, characters.slice(0, from).join("").length, characters.slice(0, to).join("").length]);
      at += characters.length;
    }
    for (const [node, from, to] of parts) {
      const range = document.createRange();
      range.setStart(node, from);
      range.setEnd(node, to);
      range.surroundContents(document.createElement("mark"));
    }
  };

  // The lock's state beside the lines; a later run of the path has the last word.
  const colour = (lines, file) => {
    for (const [of, first, last, state, walked] of lines) {
      if (of !== file) continue;
      for (let line = first; line <= last; line += 1) {
        const found = document.getElementById(`f${file}-${line}`);
        if (!found) continue;
        found.classList.remove("held", "free", "aside");
        found.classList.add(state);
        if (!walked) found.classList.add("aside");
      }
    }
  };

  // Text with what stands in backticks as code.
  const coded = (text, into) => {
    into.replaceChildren(...text.split("`").map((part, at) => {
      const piece = document.createElement(at % 2 ? "code" : "span");
      piece.textContent = part;
      return piece;
    }));
  };

  const show = (number, index, scroll = true) => {
    violation = Math.min(Math.max(number, 0), paths.length - 1);
    const steps = paths[violation].steps;
    current = Math.min(Math.max(index, 0), Math.max(steps.length - 1, 0));
    clean();
    all(".violation").forEach((one) => one.classList.toggle("on", one.id === `v${violation}`));
    all(".pick").forEach((one) => {
      const on = Number(one.dataset.v) === violation;
      one.classList.toggle("on", on);
      one.setAttribute("aria-current", on ? "true" : "false");
    });
    all(".steps a").forEach((one) => {
      const on = Number(one.dataset.v) === violation && Number(one.dataset.s) === current;
      one.classList.toggle("on", on);
      if (on) one.setAttribute("aria-current", "step"); else one.removeAttribute("aria-current");
    });
    const step = steps[current];
    all(".source").forEach((one) => one.classList.toggle("on", Boolean(step) && Number(one.dataset.f) === step.file));
    previous.disabled = !step || current === 0;
    next.disabled = !step || current === steps.length - 1;
    if (!step) {
      position.textContent = "no path to walk";
      return;
    }
    colour(paths[violation].lines, step.file);
    steps.forEach((one, at) => {
      const found = one.file === step.file && row(one);
      if (!found) return;
      found.classList.add("step");
      const gutter = found.querySelector(".g");
      gutter.textContent = gutter.textContent ? `${gutter.textContent},${at + 1}` : String(at + 1);
      if (!gutter.hasAttribute("data-s")) gutter.setAttribute("data-s", String(at));
    });
    const lock = paths[violation].lock;
    coded(`${current + 1} of ${steps.length} · \`${step.function.replaceAll("`", "'")}\`` +
      (step.after === "?" || !lock ? "" : ` · \`${lock.replaceAll("`", "'")}\` ${step.after}`), position);
    position.className = step.after === "held" ? "held" : "";
    const line = row(step);
    if (!line) return;
    line.classList.add("now");
    if (step.end > step.start) mark(line.querySelector("pre"), step.start, step.end);
    const said = document.createElement("tr");
    said.className = `said ${step.kind}`;
    said.append(document.createElement("td"), document.createElement("td"), document.createElement("td"));
    const text = document.createElement("p");
    coded(step.message, text);
    said.lastChild.append(text);
    line.after(said);
    const pane = line.closest(".scroll");
    centre(pane, line);
    centre(document.querySelector(".violation.on .steps"), document.querySelector(".steps a.on"));
    centre(document.querySelector(".list"), document.querySelector(".pick.on"));
    if (scroll) {
      // Beside each other everything fits the window; below each other the file matters most.
      const wide = matchMedia("(min-width: 821px)").matches;
      (wide ? document.querySelector(".detail") : walker).scrollIntoView({ block: "start" });
    }
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-v], .g[data-s]");
    if (!link) return;
    event.preventDefault();
    if (link.classList.contains("g")) show(violation, Number(link.dataset.s));
    else if (link.dataset.s !== undefined) show(Number(link.dataset.v), Number(link.dataset.s));
    else {
      show(Number(link.dataset.v), 0, false);
      document.getElementById(`v${violation}`).scrollIntoView({ block: "nearest" });
      history.replaceState(null, "", `#v${violation}`);
    }
  });
  previous.addEventListener("click", () => show(violation, current - 1));
  next.addEventListener("click", () => show(violation, current + 1));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const moves = { ArrowRight: [0, 1], j: [0, 1], ArrowLeft: [0, -1], k: [0, -1], n: [1, 0], p: [-1, 0] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    if (move[0]) show(violation + move[0], 0);
    else show(violation, current + move[1]);
  });

  const asked = /^#v(\d+)(?:-(\d+))?$/.exec(location.hash);
  show(asked ? Number(asked[1]) : 0, asked && asked[2] ? Number(asked[2]) - 1 : 0, Boolean(asked));
})();
