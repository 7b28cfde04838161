"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const person = document.getElementById("person"), keypoint = document.getElementById("keypoint");
  const figure = document.getElementById("figure"), said = document.getElementById("said");
  const BAND = 90, WIDTH = 360, GAP = 6; // px of the figure
  const SEEN = 0.2; // the score above which a keypoint is drawn full
  const teachers = data.models.filter((model) => model !== data.student);
  const color = (model) =>
    model === data.student ? "var(--student)" : `var(--m${teachers.indexOf(model) % 4})`;
  const words = (name) => name.replaceAll("_", " ");

  const svg = (name, attributes, parent) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (parent) parent.append(made);
    return made;
  };

  // A model's distribution along one axis: probabilities of the keypoint's bins.
  const distribution = (axis, index) => {
    const bytes = atob(axis.levels).slice(index * axis.bins, (index + 1) * axis.bins);
    return Array.from(bytes, (c) => (c.charCodeAt(0) / 255) * axis.peak[index]);
  };

  const place = (matrix, [x, y]) => matrix.map(([a, b, c]) => a * x + b * y + c);

  const draw = () => {
    const shown = data.people[person.value], k = Number(keypoint.value);
    const [w, h] = shown.size, scale = WIDTH / w, height = h * scale;
    // A picture's first px is drawn around the place 0.
    const at = (point) => place(shown.matrix, point).map((v) => (v + 0.5) * scale);
    const said_by = data.models.filter((m) => m in shown.models && shown.models[m].of[k] >= 0);
    const root = svg("svg", {
      viewBox: `0 0 ${WIDTH + GAP + BAND} ${BAND + GAP + height}`, "aria-hidden": "true",
    });
    const crop = svg("g", { transform: `translate(0 ${BAND + GAP})` }, root);
    const clip = svg("clipPath", { id: "crop" }, svg("defs", {}, root));
    svg("rect", { width: WIDTH, height }, clip);
    svg("image", { href: shown.crop, width: WIDTH, height, preserveAspectRatio: "none" }, crop);
    const marks = svg("g", { "clip-path": "url(#crop)" }, crop);
    skeleton(marks, shown, at);
    bands(root, shown, said_by, k, scale, height);
    for (const model of said_by) {
      const own = shown.models[model], [x, y] = at(own.keypoints[own.of[k]]);
      svg("circle", { cx: x, cy: y, r: 6, fill: "none", stroke: "#000", "stroke-width": 5 }, marks);
      svg("circle", {
        cx: x, cy: y, r: 6, fill: "none", "stroke-width": 3, "data-model": model,
        style: `stroke: ${color(model)}`,
      }, marks);
    }
    const label = shown.labels[k];
    if (label) {
      const [x, y] = at(label);
      for (const [stroke, width] of [["#000", 4], ["#fff", 1.8]]) {
        const d = `M${x - 9} ${y}H${x + 9}M${x} ${y - 9}V${y + 9}`;
        svg("path", { d, stroke, "stroke-width": width, class: "label" }, marks);
      }
      const line = { stroke: "currentColor", "stroke-dasharray": "4 3", class: "label" };
      if (x >= 0 && x <= WIDTH) svg("line", { x1: x, x2: x, y1: 0, y2: BAND, ...line }, root);
      const ends = { x1: WIDTH + GAP, x2: WIDTH + GAP + BAND, y1: BAND + GAP + y, y2: BAND + GAP + y };
      if (y >= 0 && y <= height) svg("line", { ...ends, ...line }, root);
    }
    crop.addEventListener("click", (event) => {
      const box = crop.querySelector("image").getBoundingClientRect(), size = WIDTH / box.width;
      choose_nearest(shown, at, [(event.clientX - box.left) * size, (event.clientY - box.top) * size]);
    });
    figure.replaceChildren(root);
    tell(shown, said_by, k);
  };

  // The student's whole skeleton, faint.
  const skeleton = (parent, shown, at) => {
    const own = shown.models[data.student];
    if (!own) return;
    const points = own.keypoints.map(at), seen = own.scores.map((score) => score > SEEN);
    for (const [a, b] of data.links) {
      if (!seen[a] || !seen[b]) continue;
      const ends = { x1: points[a][0], y1: points[a][1], x2: points[b][0], y2: points[b][1] };
      svg("line", { ...ends, stroke: "#fff", "stroke-opacity": 0.55, "stroke-width": 2 }, parent);
    }
    points.forEach(([cx, cy], index) => {
      if (!seen[index]) return;
      const dot = svg("circle", { cx, cy, r: 4, fill: "#fff", "fill-opacity": 0.8 }, parent);
      dot.style.cursor = "pointer";
      dot.dataset.keypoint = index;
      svg("title", {}, dot).textContent = words(data.keypoints[index]);
    });
  };

  // Each model's distribution over x above the crop and over y on its right, to one scale.
  const bands = (root, shown, models, k, scale, height) => {
    const drawn = models.map((model) => {
      const own = shown.models[model], index = own.of[k];
      return [model, distribution(own.x, index), distribution(own.y, index)];
    });
    const most = Math.max(1e-9, ...drawn.flatMap(([, x, y]) => [...x, ...y]));
    svg("rect", { width: WIDTH, height: BAND, style: "fill: var(--shade)" }, root);
    svg("rect", {
      x: WIDTH + GAP, y: BAND + GAP, width: BAND, height, style: "fill: var(--shade)",
    }, root);
    svg("text", { x: 5, y: 15 }, root).textContent = "p(x)";
    svg("text", { x: WIDTH + GAP + 5, y: BAND + GAP + 15 }, root).textContent = "p(y)";
    for (const [model, x, y] of drawn) {
      const bin = (n, bins, side) => (n / bins) * side + scale / 2; // bin 0 lies at the first px
      const high = (p) => (p / most) * (BAND - 8);
      const top = x.map((p, n) => `${bin(n, x.length, WIDTH)},${BAND - high(p)}`);
      const side = y.map((p, n) => `${WIDTH + GAP + high(p)},${BAND + GAP + bin(n, y.length, height)}`);
      for (const [axis, points] of [["x", top], ["y", side]]) {
        svg("polyline", {
          points: points.join(" "), fill: "none", "stroke-width": model === data.student ? 2.5 : 1.8,
          "stroke-linejoin": "round", "data-model": model, "data-axis": axis,
          style: `stroke: ${color(model)}`,
        }, root);
      }
    }
  };

  const tell = (shown, models, k) => {
    said.replaceChildren();
    const caption = said.createCaption();
    caption.textContent = `${words(data.keypoints[k])}, ${shown.title}`;
    const row = (cells, tag) => {
      const made = said.insertRow();
      cells.forEach((content, n) => {
        const cell = document.createElement(n === 0 ? "th" : tag);
        cell.append(content);
        if (n > 0) cell.className = "n";
        made.append(cell);
      });
    };
    row(["", "x", "y", "score", "off", "inside"], "th");
    const label = shown.labels[k];
    row(["label", ...(label ? label.map((v) => v.toFixed(1)) : ["–", "–"]), "", "", ""], "td");
    for (const model of models) {
      const own = shown.models[model], index = own.of[k], [x, y] = own.keypoints[index];
      const name = document.createElement("span"), swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = color(model);
      const origin = document.createElement("small");
      origin.textContent = ` ${own.origin}`;
      name.append(swatch, model, document.createElement("br"), origin);
      const off = label ? Math.hypot(x - label[0], y - label[1]).toFixed(1) : "–";
      const inside = `${Math.round(100 * own.mass[index])} %`;
      row([name, x.toFixed(1), y.toFixed(1), own.scores[index].toFixed(2), off, inside], "td");
    }
  };

  const choose_nearest = (shown, at, [x, y]) => {
    const own = shown.models[data.student];
    const away = own.keypoints.map((point) => Math.hypot(at(point)[0] - x, at(point)[1] - y));
    keypoint.value = away.indexOf(Math.min(...away));
    draw();
  };

  const step = (list, by) => {
    list.selectedIndex = (list.selectedIndex + by + list.length) % list.length;
    draw();
  };

  data.people.forEach((shown, n) => person.add(new Option(shown.title, n)));
  data.keypoints.forEach((name, n) => keypoint.add(new Option(words(name), n)));
  person.addEventListener("change", draw);
  keypoint.addEventListener("change", draw);
  figure.addEventListener("keydown", (event) => {
    const steps = {
      ArrowLeft: [person, -1], ArrowRight: [person, 1], ArrowUp: [keypoint, -1], ArrowDown: [keypoint, 1],
    }[event.key];
    if (!steps) return;
    event.preventDefault();
    step(...steps);
  });
  for (const button of document.querySelectorAll("button[data-person]")) {
    button.addEventListener("click", () => {
      person.value = data.people.findIndex((shown) => `${shown.samples} ${shown.row}` === button.dataset.person);
      draw();
      document.getElementById("inspector").scrollIntoView();
      figure.focus({ preventScroll: true });
    });
  }
  [person.value, keypoint.value] = data.start;
  draw();
})();
