// A button that plays: it moves `value` on by one until `high`, and from `low` again after that.
// Whoever asks for less motion gets one step per press.
function render({ model, el }) {
  const button = document.createElement("button");
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let timer = 0;
  button.className = "jupyter-button saflab-play";
  button.style.cssText = "padding:0 12px;height:30px;margin:2px 0 2px 160px;cursor:pointer";
  el.append(button);
  const put = (value) => {
    model.set("value", value);
    model.save_changes();
  };
  const atEnd = () => model.get("value") >= model.get("high");
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    show();
  };
  const step = () => {
    put(atEnd() ? model.get("low") : model.get("value") + 1);
    if (timer && atEnd()) stop();
  };
  const start = () => {
    if (calm.matches) return step();
    if (atEnd()) put(model.get("low"));
    timer = setInterval(step, model.get("interval"));
    show();
  };
  const show = () => {
    button.textContent = calm.matches ? "Next step" : timer ? "Pause" : "Play";
    button.setAttribute("aria-label", `${button.textContent}: ${model.get("label")}`);
  };
  // JupyterLab listens on the document and would take Enter and space for its cells.
  const keep = (event) => {
    if (event.target === button && event.key !== "Tab") event.stopPropagation();
  };
  window.addEventListener("keydown", keep, true);
  button.addEventListener("click", () => (timer ? stop() : start()));
  calm.addEventListener("change", stop);
  model.on("change:label", show);
  show();
  return () => {
    clearInterval(timer);
    window.removeEventListener("keydown", keep, true);
    calm.removeEventListener("change", stop);
    model.off("change:label", show);
  };
}
export default { render };
