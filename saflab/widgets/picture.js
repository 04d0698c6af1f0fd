// Shows SVGs made in Python, at most once per animation frame, and their sentence below. An SVG
// that did not change is left alone.
function render({ model, el }) {
  el.classList.add("saflab-picture");
  const picture = document.createElement("div");
  const sentence = document.createElement("p");
  const error = document.createElement("p");
  picture.style.contain = "content"; // a new picture leaves the layout of the page alone
  sentence.className = "saflab-sentence";
  sentence.style.cssText = "margin:4px 2px;max-width:640px;line-height:1.4";
  error.className = "saflab-error";
  error.setAttribute("role", "alert");
  error.style.cssText =
    "margin:4px 0;max-width:620px;padding:6px 10px;background:#FFF1E5;color:#7A2E00;" +
    "border-left:4px solid #D55E00;border-radius:4px;line-height:1.4";
  el.append(error, picture, sentence);
  let frame = 0;
  let shown = [];
  const draw = () => {
    frame = 0;
    const now = model.get("pictures");
    while (picture.children.length > now.length) picture.lastChild.remove();
    while (picture.children.length < now.length) picture.append(document.createElement("div"));
    now.forEach((svg, i) => {
      if (svg !== shown[i]) picture.children[i].innerHTML = svg;
    });
    shown = now;
    sentence.setAttribute("aria-live", model.get("live"));
    sentence.textContent = model.get("sentence");
    error.textContent = model.get("error");
    error.hidden = !model.get("error");
  };
  const later = () => {
    if (!frame) frame = requestAnimationFrame(draw);
  };
  const names = ["pictures", "sentence", "error", "live"];
  for (const name of names) model.on(`change:${name}`, later);
  draw();
  return () => {
    for (const name of names) model.off(`change:${name}`, later);
    if (frame) cancelAnimationFrame(frame);
  };
}
export default { render };
