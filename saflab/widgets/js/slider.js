// A named slider with an exact number beside it. ipywidgets holds back messages while the kernel
// is busy and keeps only the newest value, so dragging leaves no queue of stale updates.
let serial = 0;
function render({ model, el }) {
  const id = `saflab-slider-${serial++}`;
  const label = document.createElement("label");
  const range = document.createElement("input");
  const number = document.createElement("input");
  label.htmlFor = id;
  range.id = id;
  range.type = "range";
  number.type = "number";
  const row = document.createElement("div");
  row.style.cssText =
    "display:flex;flex-wrap:wrap;align-items:center;gap:8px;margin:2px 0;width:480px;" +
    "max-width:100%;font-size:13px";
  label.style.cssText = "flex:0 0 152px;text-align:right";
  range.style.cssText = "flex:1 1 140px;min-width:100px;accent-color:#0072B2;margin:0";
  number.style.cssText = "width:80px;font:inherit";
  // JupyterLab listens on the document and would take arrow keys and Enter for its cells.
  const keep = (event) => {
    if (el.contains(event.target) && !event.ctrlKey && !event.metaKey && event.key !== "Tab")
      event.stopPropagation();
  };
  window.addEventListener("keydown", keep, true);
  row.append(label, range, number);
  el.append(row);
  const describe = () => {
    const name = model.get("label");
    const logarithmic = model.get("logarithmic");
    label.textContent = name;
    range.setAttribute("aria-label", name);
    number.setAttribute("aria-label", `${name}, exact value`);
    const map = logarithmic ? Math.log10 : (v) => v;
    range.min = map(model.get("low"));
    range.max = map(model.get("high"));
    range.step = logarithmic ? 0.05 : model.get("step");
    number.min = model.get("low");
    number.max = model.get("high");
    number.step = logarithmic ? "any" : model.get("step");
    range.disabled = number.disabled = model.get("disabled");
    show();
  };
  let busy = null; // the box that a hand is on: it is not moved under it
  const show = () => {
    const value = model.get("value");
    const at = model.get("logarithmic") ? Math.log10(value) : value;
    if (busy !== range) range.value = at;
    if (busy !== number) number.value = value;
    range.setAttribute("aria-valuetext", String(value));
  };
  const send = (text) => {
    const value = Number(text);
    if (String(text).trim() === "" || !Number.isFinite(value)) return; // `release` restores it
    const inside = Math.min(model.get("high"), Math.max(model.get("low"), value));
    model.set("value", Number(inside.toPrecision(6)));
    model.save_changes();
  };
  range.addEventListener("input", () => {
    const value = Number(range.value);
    send(model.get("logarithmic") ? Number((10 ** value).toPrecision(2)) : value);
  });
  number.addEventListener("change", () => send(number.value));
  range.addEventListener("pointerdown", () => (busy = range));
  number.addEventListener("input", () => (busy = number));
  const release = () => {
    busy = null;
    show();
  };
  for (const name of ["pointerup", "pointercancel"]) range.addEventListener(name, release);
  for (const box of [range, number]) {
    for (const name of ["change", "blur"]) box.addEventListener(name, release);
  }
  const names = ["label", "low", "high", "step", "logarithmic", "disabled"].map(
    (part) => `change:${part}`,
  );
  model.on("change:value", show);
  for (const part of names) model.on(part, describe);
  describe();
  return () => {
    model.off("change:value", show);
    for (const part of names) model.off(part, describe);
    window.removeEventListener("keydown", keep, true);
  };
}
export default { render };
