"""CUDA without a GPU: tensors that say where they are and hold real numbers, and recordings that are real.

Operations follow the rules of devices: tensors of two devices do not mix, reading a value is a wait, and a
capture refuses both. A capture notes every operation with its very memory, and a replay runs those alone,
all memory in between set to NaN first: what Python decided while capturing stays decided, as in a CUDA graph.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

NO_KERNELS = "CUDA error: no kernel image is available for execution on the device"
IN_CAPTURE = "CUDA error: operation not permitted when stream is capturing"

_HOST_INDICES = {"index", "index_put_", "index_put", "_index_put_impl_"}
_READS = {"_local_scalar_dense", "nonzero", "equal", "is_nonzero", "unique"}
_HALVES = {torch.float16, torch.bfloat16}
_PRODUCTS = {"addmm", "mm", "bmm", "convolution", "_scaled_dot_product_attention_math"}
_Entry = tuple[Any, Any, Any, Any]  # operation, arguments, keywords, what came of it


@cache
def install_guard() -> str | None:
    """Make torch's CPU build accept tensors of CUDA devices; return why it cannot be, None if it is done."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        return "no C++ compiler to build the device guard with"
    root, source = Path(torch.__file__).parent, Path(__file__).with_name("device_guard.cpp")
    library = source.parent / f"__pycache__/device_guard-{torch.__version__}.so"
    if not library.is_file() or library.stat().st_mtime < source.stat().st_mtime:
        library.parent.mkdir(exist_ok=True)
        built = library.with_suffix(f".{id(root)}")
        command = [compiler, "-O0", "-std=c++20", "-shared", "-fPIC", f"-I{root}/include", str(source)]
        command += [f"-L{root}/lib", "-lc10", "-o", str(built)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
        if done.returncode:
            return f"the device guard cannot be built: {done.stderr.strip()[-300:]}"
        built.replace(library)
    ctypes.CDLL(str(library)).install_guard()
    return None


class CudaTensor(torch.Tensor):
    """A tensor of `cuda:index` whose numbers lie in `numbers`."""

    numbers: Tensor

    @staticmethod
    def __new__(cls: Any, numbers: Tensor, index: int) -> Any:
        """Wrap the numbers."""
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            numbers.shape,
            strides=numbers.stride(),
            storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype,
            device=torch.device("cuda", index),
        )
        made.numbers = numbers
        return made

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"CudaTensor({self.numbers!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        """Refuse to compute outside of an `EmulatedCuda`."""
        raise RuntimeError(f"{func} on a CUDA tensor outside of EmulatedCuda")


class Stream:
    """A stream; everything runs at once, so only which one is current matters."""

    def __init__(self, *_: Any) -> None:
        self.waited_for: list[Stream] = []

    def wait_stream(self, other: Stream) -> None:
        """Note it."""
        self.waited_for.append(other)


class EmulatedCuda(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Owns what the emulated devices are doing, and what they can do.

    `capability` is every device's. With `memory` "meta" there are no numbers, only shapes, types and places:
    models of any size cost nothing, and what is read from a device is zero. `fault` is raised by each operation
    on a device, `row_fault` by convolutions, `capture_fault` by the end of a capture; `nan_halves` and
    `nan_singles` spoil convolutions of that type.
    """

    def __init__(self, capability: tuple[int, int] = (9, 0), memory: str = "cpu") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.memory = torch.device(memory)
        self.capability = capability
        self.fault: Exception | None = None
        self.row_fault: Exception | None = None
        self.nan_halves = self.nan_singles = False
        self.flash_built = True
        self.capture_fault: Exception | None = None
        self.log: list[str] = []  # "pin", "copy" from memory that is not pinned, "sync", "event", "wait"
        self.operations: set[tuple[str, str, tuple[torch.dtype, ...]]] = set()  # name, device, types of tensors
        self.captured: list[int] = []  # operations of each capture
        self.device_index = 0
        self.default = Stream()
        self.current = self.default
        self.pools = 0
        self.pools_underway: set[int] = set()
        self.capturing: list[_Entry] | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation on the numbers, as the devices of its tensors allow."""
        kwargs = kwargs or {}
        name = func._schema.name.split("::")[1]
        leaves = [*_leaves(args), *_leaves(tuple(kwargs.values()))]
        devices = {leaf.device for leaf in leaves if isinstance(leaf, CudaTensor)}
        target = kwargs.get("device")
        target = torch.device(target) if target is not None else None
        touched = bool(devices) or (target is not None and target.type == "cuda")
        touched |= any(isinstance(leaf, torch.device) and leaf.type == "cuda" for leaf in leaves)
        if (touched or name == "pin_memory") and _made_of_others(func):
            with self:
                return func.decompose(*args, **kwargs)
        if not touched:
            return self._on_host(name, func, args, kwargs)
        if self.fault is not None:
            raise self.fault
        if name in {"_to_copy", "copy_"} and self._crosses(name, args, target):
            return self._copy_across(name, args, kwargs, target)
        if len(devices) > 1:
            raise RuntimeError(f"{name}: tensors on {sorted(map(str, devices))}")
        device = next(iter(devices), None) or target or torch.device("cuda", 0)
        self._check(name, leaves)
        self.operations.add(
            (name, str(device), tuple(leaf.dtype for leaf in leaves if isinstance(leaf, CudaTensor)))
        )
        plain_args, plain_kwargs = (
            _mapped(_numbers, args),
            {key: _mapped(_numbers, value) for key, value in kwargs.items()},
        )
        if target is not None:
            plain_kwargs["device"] = self.memory
        plain_kwargs.pop("pin_memory", None)
        out = self._compute(name, func, plain_args, plain_kwargs)
        if self.capturing is not None:
            self.capturing.append((func, plain_args, plain_kwargs, out))
        known = {id(leaf.numbers): leaf for leaf in leaves if isinstance(leaf, CudaTensor)}
        if name in _READS and not isinstance(out, Tensor):
            return out
        return _mapped(lambda leaf: _wrapped(leaf, device.index or 0, known), out)

    def _on_host(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        if name == "is_pinned":
            return getattr(args[0], "is_pinned_here", False)
        if name == "_pin_memory":
            self._refuse_in_capture()
            self.log.append("pin")
            pinned = args[0].clone()
            pinned.is_pinned_here = True
            return pinned
        return func(*args, **kwargs)

    def _crosses(self, name: str, args: Any, target: torch.device | None) -> bool:
        if name == "copy_":
            return isinstance(args[0], CudaTensor) != isinstance(args[1], CudaTensor)
        return target is not None and (target.type == "cuda") != isinstance(args[0], CudaTensor)

    def _copy_across(self, name: str, args: Any, kwargs: Any, target: torch.device | None) -> Any:
        self._refuse_in_capture()
        source = args[1] if name == "copy_" else args[0]
        if isinstance(source, CudaTensor):
            self.log.append("sync")
        elif not getattr(source, "is_pinned_here", False):
            self.log.append("copy")
        if isinstance(source, CudaTensor) and source.numbers.is_meta:
            source = torch.zeros(source.shape, dtype=source.dtype)
        if name == "copy_":
            _numbers(args[0]).copy_(_numbers(source))
            return args[0]
        dtype = kwargs.get("dtype") or source.dtype
        if target is None or target.type != "cuda":
            return _numbers(source).to(dtype, copy=True)
        return CudaTensor(_numbers(source).to(self.memory, dtype, copy=True), target.index or 0)

    def _check(self, name: str, leaves: list[Any]) -> None:
        host = [leaf for leaf in leaves if isinstance(leaf, Tensor) and not isinstance(leaf, CudaTensor)]
        if any(leaf.ndim for leaf in host):
            if name not in _HOST_INDICES:
                raise RuntimeError(f"{name}: Expected all tensors to be on the same device")
            self._refuse_in_capture()
            self.log.append("copy")
        if name in _READS:
            self._refuse_in_capture()
            self.log.append("sync")

    def _compute(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        if name == "_flash_attention_forward":
            if not self.flash_built:
                raise RuntimeError("Torch was not compiled with flash attention.")
            if self.capability[0] < 8:
                raise RuntimeError("FlashAttention only supports Ampere GPUs or newer.")
        out = _operate(func, args, kwargs)
        if name == "convolution" and self.row_fault is not None:
            raise self.row_fault
        spoilt = {torch.float16: self.nan_halves, torch.float32: self.nan_singles}
        if name == "convolution" and spoilt.get(out.dtype):
            out.fill_(torch.nan)
        return out

    def _refuse_in_capture(self) -> None:
        if self.capturing is not None:
            raise RuntimeError(IN_CAPTURE)


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in _leaves(part)]
    return [tree]


def _mapped(change: Callable[[Any], Any], tree: Any) -> Any:
    if isinstance(tree, tuple | list):
        return type(tree)(_mapped(change, part) for part in tree)
    return change(tree)


@cache
def _made_of_others(func: Any) -> bool:
    """Return whether an operation is only written down in others; inference mode does not take it apart."""
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"))


def _numbers(leaf: Any) -> Any:
    return leaf.numbers if isinstance(leaf, CudaTensor) else leaf


def _wrapped(leaf: Any, index: int, known: dict[int, CudaTensor]) -> Any:
    if not isinstance(leaf, Tensor):
        return leaf
    return known[id(leaf)] if id(leaf) in known else CudaTensor(leaf, index)


def _operate(func: Any, args: Any, kwargs: Any) -> Any:
    """Run an operation on the CPU; products of halves are summed in float32, as tensor cores do."""
    name = func._schema.name.split("::")[1]
    if name == "_flash_attention_forward":
        return _flash(*args, **kwargs)
    if name == "_addmm_activation":  # its GELU is the tanh form on a GPU alone
        bias, left, right = (part.float() for part in args)
        return torch.nn.functional.gelu(torch.addmm(bias, left, right), approximate="tanh").to(args[0].dtype)
    halves = {leaf.dtype for leaf in _leaves(args) if isinstance(leaf, Tensor)} & _HALVES
    if name not in _PRODUCTS or not halves:
        return func(*args, **kwargs)
    (half,) = halves
    single = _mapped(lambda leaf: leaf.float() if isinstance(leaf, Tensor) else leaf, args)
    return func(*single, **kwargs).to(half)


def _flash(*arguments: Any) -> tuple[Tensor, ...]:
    """Attend as flash attention for packed rows does, and insist on what it insists on."""
    queries, keys, values, own, theirs, longest, their_longest, dropout, causal, debug = arguments
    assert own is theirs
    assert longest == their_longest
    assert (dropout, causal, debug) == (0.0, False, False)
    assert own.dtype == torch.int32
    assert own.is_contiguous()
    for part in (queries, keys, values):
        assert part.dtype in {torch.float16, torch.bfloat16}
        assert part.stride(-1) == 1
    if queries.is_meta:
        return (torch.empty_like(queries, memory_format=torch.contiguous_format), *(queries.new_empty(0),) * 4)
    ends = own.tolist()
    assert ends[0] == 0
    assert ends[-1] == len(queries)
    out = torch.full(queries.shape, torch.nan, dtype=queries.dtype)
    for start, end in pairwise(ends):
        assert 0 <= end - start <= longest
        if end > start:
            rows = (part[start:end].transpose(0, 1).float() for part in (queries, keys, values))
            attended = torch.nn.functional.scaled_dot_product_attention(*rows)
            out[start:end] = attended.transpose(0, 1).to(queries.dtype)
    return (out, *(torch.empty(0) for _ in range(4)))


class Graph:
    """What a capture became."""

    def __init__(self) -> None:
        self.plan: list[_Entry] = []

    def keep(self, log: list[_Entry]) -> None:
        """Keep the operations that a GPU would run."""
        for func, args, kwargs, out in log:
            if func._schema.is_mutable:
                self.plan.append((func, args, kwargs, None))
            elif not (_storages((*args, *kwargs.values())) & _storages(out)):  # a view computes nothing
                self.plan.append((func, args, kwargs, out))

    def replay(self) -> None:
        """Run them on the memory of the capture, in which others have written since."""
        for *_, out in self.plan:
            for leaf in _leaves(out):
                if isinstance(leaf, Tensor) and leaf.is_floating_point():
                    leaf.fill_(torch.nan)
        for func, args, kwargs, out in self.plan:
            new = _operate(func, args, kwargs)
            if out is not None:
                for old, value in zip(_leaves(out), _leaves(new), strict=True):
                    if isinstance(old, Tensor):
                        old.copy_(value)


def _storages(tree: Any) -> set[int]:
    return {leaf.untyped_storage().data_ptr() for leaf in _leaves(tree) if isinstance(leaf, Tensor)}


class Event:
    """An event; who waits for it is noted."""

    def __init__(self, world: EmulatedCuda) -> None:
        self._world = world
        self._number = -1

    def record(self, _: Stream | None = None) -> None:
        """Note that it was put behind what is queued."""
        self._number = self._world.log.count("event")
        self._world.log.append("event")

    def synchronize(self) -> None:
        """Note the wait."""
        if self._world.fault is not None:
            raise self._world.fault
        self._world.log.append(f"wait {self._number}")

    def elapsed_time(self, _: Event) -> float:
        """Return a time in ms; there is none on an emulated device."""
        return 1.0


class CudaCalls:
    """What torch.cuda offers, of emulated devices."""

    def __init__(self, world: EmulatedCuda) -> None:
        self._world = world

    @contextmanager
    def stream(self, chosen: Stream) -> Iterator[None]:
        """Make a stream current."""
        before, self._world.current = self._world.current, chosen
        yield
        self._world.current = before

    def set_stream(self, chosen: Stream) -> None:
        """Make a stream current for good."""
        self._world.current = chosen

    @contextmanager
    def graph(self, made: Graph, *, pool: int, stream: Stream, capture_error_mode: str) -> Iterator[None]:
        """Capture; a capture that fails leaves its stream current and its pool taken, as torch does."""
        world = self._world
        assert capture_error_mode == "thread_local"
        if pool in world.pools_underway:
            raise RuntimeError("beginAllocateToPool: already recording to mempool_id")
        before, world.current = world.current, stream
        world.pools_underway.add(pool)
        log: list[_Entry] = []
        world.capturing = log
        try:
            yield
        finally:
            world.capturing = None
        if world.capture_fault is not None:
            raise world.capture_fault
        world.pools_underway.remove(pool)
        made.keep(log)
        world.captured.append(len(made.plan))
        world.current = before

    def set_device(self, index: int) -> None:
        """Make a device current, which torch takes as a number."""
        self._world.device_index = index + 0

    def graph_pool_handle(self) -> int:
        """Return a new pool."""
        self._world.pools += 1
        return self._world.pools

    def synchronize(self, *_: Any) -> None:
        """Wait for the device, and hear of what has failed there."""
        self._world.log.append("sync")
        if self._world.fault is not None:
            raise self._world.fault


def emulate(monkeypatch: pytest.MonkeyPatch, world: EmulatedCuda) -> None:
    """Let torch.cuda tell of the emulated devices, two of them, for the length of a test."""
    calls = CudaCalls(world)
    answers: dict[str, Callable[..., Any]] = {
        "_lazy_init": lambda: None,
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: 2,
        "get_device_capability": lambda *_: world.capability,
        "get_device_name": lambda *_: "Emulated",
        "current_stream": lambda *_: world.current,
        "set_stream": calls.set_stream,
        "set_device": calls.set_device,
        "default_stream": lambda *_: world.default,
        "memory_reserved": lambda device="cuda:0": 2**20 * (1 + torch.device(device).index),
        "memory_allocated": lambda *_: 2**19,
        "mem_get_info": lambda *_: (2**33, 2**34),
        "set_per_process_memory_fraction": lambda *_: None,
        "get_device_properties": lambda *_: SimpleNamespace(
            name="Emulated",
            major=world.capability[0],
            minor=world.capability[1],
            multi_processor_count=132,
            total_memory=2**34,
        ),
        "get_arch_list": lambda: ["sm_90"],
        "graph_pool_handle": calls.graph_pool_handle,
        "synchronize": calls.synchronize,
        "empty_cache": lambda: None,
        "Stream": Stream,
        "Event": lambda **_: Event(world),
        "CUDAGraph": Graph,
        "stream": calls.stream,
        "device": lambda _: nullcontext(),
        "device_of": lambda _: nullcontext(),
        "graph": calls.graph,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, answer)
