// A button that shows and copies the lines which reproduce the current view.
function render({ model, el }) {
  const button = document.createElement("button");
  const note = document.createElement("span");
  const code = document.createElement("pre");
  button.textContent = "Copy as code";
  button.className = "jupyter-button";
  button.style.cssText = "padding:0 12px;height:30px;cursor:pointer";
  note.setAttribute("role", "status");
  note.style.marginLeft = "8px";
  code.hidden = true;
  code.tabIndex = 0;
  code.style.cssText =
    "background:#FCFCFA;color:#222;border:1px solid #CCC;border-radius:4px;padding:8px;" +
    "max-width:620px;overflow-x:auto";
  el.append(button, note, code);
  const show = async () => {
    code.hidden = false;
    code.textContent = model.get("code");
    try {
      await navigator.clipboard.writeText(model.get("code"));
      note.textContent = "Copied.";
    } catch {
      note.textContent = "Select the lines and copy them.";
    }
  };
  button.addEventListener("click", () => model.send({ kind: "ask" }));
  model.on("msg:custom", show);
  return () => model.off("msg:custom", show);
}
export default { render };
