"""A Jupyter server extension: the kernel's messages go to the browser without delay.

Jupyter's websockets leave Nagle's algorithm on: a message that follows another within the
browser's acknowledgement delay (40 ms on Linux) is held back until that passes. A widget's answer
always follows the kernel's "busy", so every move of a slider waited that long. `set_nodelay` is
tornado's switch for exactly this.

Neither this module nor the packages around it import PyTorch, which a server has no use for.
"""

from __future__ import annotations

from typing import Any

__all__ = ["prompt"]


def prompt(connection: type[Any]) -> type[Any]:
    """Return a kernel connection class that sends every message at once."""

    class Prompt(connection):
        def connect(self) -> Any:
            self.websocket_handler.set_nodelay(True)
            return super().connect()

    return Prompt


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "saflab.course.jupyter_server"}]


def _load_jupyter_server_extension(server: Any) -> None:
    settings = server.web_app.settings
    name = "kernel_websocket_connection_class"
    settings[name] = prompt(settings[name])
