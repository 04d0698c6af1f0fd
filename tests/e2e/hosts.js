// Shows widgets of a kernel with another host's widget manager, in a page of JupyterLab, whose
// kernel connection is used. `show(code)` runs code and displays the widget that it returns.
async function host(name) {
  const serve = (file) => `${location.origin}/hosts/${file}`;
  const script = (file) =>
    new Promise((done, failed) => {
      const element = document.createElement("script");
      Object.assign(element, { src: serve(file), onload: done, onerror: failed });
      document.head.append(element);
    });
  const out = document.createElement("div");
  out.id = "host";
  out.style.cssText = "position:fixed;inset:0;z-index:99999;background:white;overflow:auto";
  document.body.append(out);
  const kernel = await window.jupyterapp.serviceManager.kernels.startNew({ name: "python3" });
  await script("require.js");
  requirejs.config({ paths: { anywidget: serve("anywidget") } });
  const amd = (module) => new Promise((done, failed) => requirejs([module], done, failed));
  const manager = await { vscode, html }[name]();

  async function vscode() {
    (await import(serve("ipywidgets.js"))).activate();
    window.vscIPyWidgets8.load();
    const loader = {
      widgetsRegisteredInRequireJs: new Set(["anywidget"]),
      loadWidgetScript: async () => {},
      successHandler: () => {},
      errorHandler: (...failure) => console.error(...failure),
    };
    return new window.vscIPyWidgets.WidgetManager(kernel, out, loader, () => {}, undefined);
  }

  async function html() {
    await script("embed-amd.js");
    const { HTMLManager } = await amd("@jupyter-widgets/html-manager");
    const { Comm } = (await amd("@jupyter-widgets/base")).shims.services;
    const made = new HTMLManager({ loader: amd });
    made._create_comm = async (target, id, data, metadata) => {
      const comm = kernel.createComm(target, id);
      comm.open(data, metadata);
      return new Comm(comm);
    };
    kernel.registerCommTarget("jupyter.widget", (comm, message) =>
      made.handle_comm_open(new Comm(comm), message),
    );
    return made;
  }

  window.show = async (code) => {
    const future = kernel.requestExecute({ code });
    let shown;
    future.onIOPub = ({ content }) => {
      const found = content.data?.["application/vnd.jupyter.widget-view+json"];
      if (found) shown = found.model_id;
    };
    const { content } = await future.done;
    if (content.status !== "ok") throw new Error(`${content.ename}: ${content.evalue}`);
    out.replaceChildren();
    const view = await manager.create_view(await manager.get_model(shown), { el: out });
    if (name === "html") await manager.display_view(view, out);
    else await manager.display_view(undefined, view, { node: out });
  };
  window.end = () => kernel.shutdown();
}
