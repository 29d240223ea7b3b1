"""An engine process on an emulated GPU with kernels of a test: `-m tests.model.emulated_engine KERNELS SOCKET`.

KERNELS is a class of test_fused_selfcheck.py; it stands where Triton's kernels are imported from.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from f5d.engine import process

from . import test_fused_selfcheck
from .emulated_cuda import EmulatedCuda, emulate, install_guard


def main() -> None:
    name, socket = sys.argv[1:]
    if reason := install_guard():
        sys.exit(reason)
    modules: dict[str, Any] = dict.fromkeys(["f5d.model.kernels"], getattr(test_fused_selfcheck, name)())
    sys.modules.update(modules)
    world = EmulatedCuda()
    emulate(pytest.MonkeyPatch(), world)
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # so that modules keep wrapped tensors
    sys.argv = [sys.argv[0], socket]
    with world, torch.inference_mode():
        process.main()


if __name__ == "__main__":
    main()
