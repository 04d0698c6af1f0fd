// Shows SVGs made in Python, at most once per animation frame, and their sentence below.

const CODES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'" };
const decode = (text) => text.replace(/&[\w#]+;/g, (code) => CODES[code] ?? code);
// text x="4">word → text x=>…, equal for tags that differ in values alone.
const shape = (tag) => tag.replace(/"[^"]*"/g, "").replace(/>.+/s, ">…");

// Makes `host` show the SVG `now` in place of `before`. Where only values differ, only these are
// set: to lay out and paint new elements is most of what a frame costs a browser.
function update(host, now, before) {
  if (now === before) return;
  const [old, tags] = [before, now].map((svg) => svg.split(/<(?!\/)/).slice(1));
  const changed = tags.flatMap((tag, i) => (tag === old[i] ? [] : [i]));
  if (tags.length !== old.length || changed.some((i) => shape(tags[i]) !== shape(old[i]))) {
    host.innerHTML = now;
    return;
  }
  const nodes = host.getElementsByTagName("*");
  for (const i of changed) {
    const [attributes, text] = tags[i].split("<")[0].split(">");
    for (const [given, name, value] of attributes.matchAll(/ ([\w-]+)="([^"]*)"/g)) {
      if (!old[i].includes(given)) nodes[i].setAttribute(name, decode(value));
    }
    if (!nodes[i].firstElementChild) nodes[i].textContent = decode(text);
  }
}

function render({ model, el }) {
  el.classList.add("saflab-picture");
  const picture = document.createElement("div");
  const sentence = document.createElement("p");
  const error = document.createElement("p");
  sentence.append("");
  picture.style.contain = "content"; // a new picture leaves the layout of the page alone
  sentence.className = "saflab-sentence";
  sentence.style.cssText = "margin:4px 2px;max-width:640px;line-height:1.4";
  error.className = "saflab-error";
  error.setAttribute("role", "alert");
  error.style.cssText =
    "margin:4px 0;max-width:620px;padding:6px 10px;background:#FFF1E5;color:#7A2E00;" +
    "border-left:4px solid #D55E00;border-radius:4px;line-height:1.4";
  const stale = error.cloneNode();
  stale.className = "saflab-stale";
  stale.textContent =
    "This view has lost its kernel, which was restarted or shut down. Run the cell again.";
  stale.hidden = true;
  el.append(stale, error, picture, sentence);
  let frame = 0;
  let shown = [];
  const draw = () => {
    frame = 0;
    const now = model.get("pictures");
    while (picture.children.length > now.length) picture.lastChild.remove();
    while (picture.children.length < now.length) picture.append(document.createElement("div"));
    now.forEach((svg, i) => update(picture.children[i], svg, shown[i] ?? ""));
    shown = now;
    sentence.setAttribute("aria-live", model.get("live"));
    sentence.firstChild.data = model.get("sentence");
    if (error.textContent !== model.get("error")) error.textContent = model.get("error");
    error.hidden = !model.get("error");
  };
  const later = () => {
    if (!frame) frame = requestAnimationFrame(draw);
  };
  const names = ["pictures", "sentence", "error", "live"];
  for (const name of names) model.on(`change:${name}`, later);
  // The model was connected when it was drawn: the next change is that it is no longer.
  const lost = () => {
    stale.hidden = false;
    picture.style.opacity = 0.4;
  };
  model.on("comm_live_update", lost);
  draw();
  return () => {
    model.off("comm_live_update", lost);
    for (const name of names) model.off(`change:${name}`, later);
    if (frame) cancelAnimationFrame(frame);
  };
}
export default { render };
