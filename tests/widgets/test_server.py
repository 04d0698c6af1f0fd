"""The Jupyter server extension that sends the kernel's messages at once."""

import json
from pathlib import Path
from types import SimpleNamespace

import saflab.course.jupyter_server


class Connection:
    def __init__(self, handler):
        self.websocket_handler = handler
        self.connected = False

    def connect(self):
        self.connected = True


def test_loading_it_turns_off_the_delay_of_every_kernel_connection():
    settings = {"kernel_websocket_connection_class": Connection}
    server = SimpleNamespace(web_app=SimpleNamespace(settings=settings))
    saflab.course.jupyter_server._load_jupyter_server_extension(server)
    calls = []
    connection = settings["kernel_websocket_connection_class"](
        SimpleNamespace(set_nodelay=calls.append)
    )
    connection.connect()
    assert calls == [True]
    assert connection.connected


def test_jupyter_still_has_the_setting_that_is_replaced():
    from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
    from tornado.websocket import WebSocketHandler

    assert isinstance(KernelWebsocketHandler.kernel_websocket_connection_class, property)
    assert callable(WebSocketHandler.set_nodelay)


def test_installing_saflab_enables_it():
    folder = Path(saflab.course.jupyter_server.__file__).parent
    enabled = json.loads((folder / "jupyter_server.json").read_text(encoding="utf-8"))
    assert enabled == {"ServerApp": {"jpserver_extensions": {"saflab.course.jupyter_server": True}}}
    assert saflab.course.jupyter_server._jupyter_server_extension_points() == [
        {"module": "saflab.course.jupyter_server"}
    ]
