// A time axis to draw spikes on: with the mouse, or with the arrow keys and the space bar.
const NS = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, RIGHT] = [640, 62, 58, 14]; // as the pictures, so that steps align
function render({ model, el }) {
  el.classList.add("saflab-strip");
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("role", "slider");
  svg.setAttribute("aria-label", "predicted spikes");
  svg.setAttribute("aria-description", "Arrow keys move, space draws or removes a spike.");
  svg.setAttribute("aria-valuemin", 1);
  svg.setAttribute("tabindex", 0);
  svg.style.cssText =
    `width:100%;max-width:${WIDTH}px;display:block;cursor:crosshair;touch-action:none`;
  el.append(svg);
  let at = 1;
  let painting = null;
  const steps = () => model.get("steps");
  const wide = () => (WIDTH - LEFT - RIGHT) / (steps() + 1);
  const has = (step) => model.get("predicted").includes(step);
  const put = (step, there) => {
    if (step < 1 || step > steps() || model.get("revealed") || has(step) === there) return;
    const others = model.get("predicted").filter((k) => k !== step);
    model.set("predicted", [...others, ...(there ? [step] : [])].sort((a, b) => a - b));
    model.save_changes();
  };
  const draw = () => {
    at = Math.min(at, steps());
    const unit = wide();
    const tick = (step, y, colour) =>
      `<path d="M${LEFT + step * unit} ${y}v18" stroke="${colour}" ` +
      `stroke-width="${Math.max(2, Math.min(8, 0.5 * unit))}"/>`;
    const yours = model.get("predicted");
    const real = model.get("revealed") ? model.get("actual") : [];
    const colour = (step, list) =>
      !model.get("revealed") ? "#0072B2" : list.includes(step) ? "#009E73" : "#D55E00";
    svg.innerHTML =
      `<rect width="${WIDTH}" height="${HEIGHT}" rx="6" fill="#FCFCFA" stroke="#CCC"/>` +
      `<rect x="${LEFT + (at - 0.5) * unit}" width="${unit}" height="${HEIGHT}" fill="#E69F00" ` +
      `fill-opacity="0.25" class="cursor"/>` +
      `<path d="M${LEFT} 31H${WIDTH - RIGHT}" stroke="#888"/>` +
      `<g font-family="system-ui,sans-serif" font-size="11.5" fill="#222">` +
      `<text x="5" y="21">yours</text><text x="5" y="50">neuron</text></g>` +
      yours.map((k) => tick(k, 9, colour(k, real))).join("") +
      real.map((k) => tick(k, 35, colour(k, yours))).join("");
    svg.setAttribute("aria-valuemax", steps());
    svg.setAttribute("aria-valuenow", at);
    const what = has(at) ? "spike predicted" : "no spike predicted";
    svg.setAttribute("aria-valuetext", `step ${at}: ${what}`);
  };
  const under = (event) => {
    const box = svg.getBoundingClientRect();
    return Math.round((((event.clientX - box.left) / box.width) * WIDTH - LEFT) / wide());
  };
  svg.addEventListener("pointerdown", (event) => {
    const step = Math.max(1, Math.min(steps(), under(event)));
    svg.setPointerCapture(event.pointerId);
    at = step;
    painting = !has(step);
    put(step, painting);
    draw();
  });
  svg.addEventListener("pointermove", (event) => {
    if (painting !== null) put(under(event), painting);
  });
  for (const end of ["pointerup", "pointercancel"])
    svg.addEventListener(end, () => (painting = null));
  // In the capture phase, before JupyterLab takes the keys for its cells.
  const keys = (event) => {
    if (event.target !== svg || event.ctrlKey || event.metaKey || event.key === "Tab") return;
    event.stopPropagation();
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 1, End: steps() }[event.key];
    if (to === undefined && event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (to === undefined) put(at, !has(at));
    else at = Math.max(1, Math.min(steps(), to));
    draw();
  };
  window.addEventListener("keydown", keys, true);
  model.on("change", draw);
  draw();
  return () => {
    window.removeEventListener("keydown", keys, true);
    model.off("change", draw);
  };
}
export default { render };
