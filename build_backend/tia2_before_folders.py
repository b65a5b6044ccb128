"""In an editable installation, `import tia2` finds the package even beside a folder called `tia2`.

`tia2` is what a clone of the repository is called unless somebody names it. Where Python starts in the folder that
holds the clone, it takes the clone for a namespace package, in which there is nothing, before the editable
installation's finder is asked. A file `.pth` imports this module whenever Python starts.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder


class PackageBeforeFolders:
    """Asks the other finders where the usual one would make a namespace package of a mere folder."""

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the package, or None where the usual finder has one or nobody does."""
        del path, target
        if name != "tia2":
            return None
        usual = PathFinder.find_spec(name)
        if usual is None or usual.origin is not None:
            return None
        for finder in sys.meta_path:
            if finder not in (cls, PathFinder) and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, None)
                if spec is not None and spec.origin is not None:
                    return spec
        return None


if PackageBeforeFolders not in sys.meta_path:
    sys.meta_path.insert(0, PackageBeforeFolders)
