"""One section in a process of its own: `python -m gpu_sections NAME [--dry]`; gpu.py starts it."""

from __future__ import annotations

import os
import sys
import time
import traceback
from importlib import import_module

BEGAN_S = time.perf_counter()


def main() -> None:
    """Measure one section and end at once: after a device's failure the interpreter's own end may hang."""
    from f5d.system.children import end_with_parent
    from gpu_sections.bare import stand_in_for_missing

    end_with_parent()
    stand_in_for_missing()
    status = 0
    try:
        from gpu_sections.lab import Lab

        lab = Lab.of(dry="--dry" in sys.argv, began_s=BEGAN_S)
        import_module(f"gpu_sections.{sys.argv[1]}").measure(lab)
    except BaseException:  # noqa: BLE001 - told, whatever it is
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
