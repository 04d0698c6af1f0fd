"""Put the course into the wheel as students get it: lessons, and labs without solutions."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

__all__ = ["CourseHook"]


class CourseHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add `saflab/course/notebooks` to a wheel; an editable install reads the checkout."""
        if version == "editable":
            return
        root = Path(self.root)
        student_version = _student_version(root)
        self._made = tempfile.TemporaryDirectory()
        for path in sorted((root / "notebooks").rglob("*.ipynb")):
            inside = path.relative_to(root / "notebooks")
            if any(part.startswith(".") for part in inside.parts) or inside.parts[0] == "runs":
                continue
            source = path
            if inside.parts[0] == "labs":
                source = Path(self._made.name, path.name)
                lab = student_version(json.loads(path.read_text(encoding="utf-8")))
                source.write_text(json.dumps(lab, indent=1, ensure_ascii=False) + "\n", "utf-8")
            build_data["force_include"][str(source)] = f"saflab/course/notebooks/{inside}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was made for the wheel."""
        if version != "editable":
            self._made.cleanup()


def _student_version(root: Path) -> Any:
    """Return the function of that name; saflab itself is not installed where it is built."""
    path = root / "saflab" / "course" / "student_version.py"
    spec = importlib.util.spec_from_file_location("student_version", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.student_version
