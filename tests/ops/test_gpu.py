"""The Triton kernels against the plain loop, in Triton's interpreter where there is no GPU."""

import os
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
from loops import run

from saflab.neurons import SURROGATES, LIFParams
from saflab.ops import choose, has_triton, kinds, scan
from saflab.ops.agreement import agreement

pytestmark = pytest.mark.skipif(not has_triton(), reason="no Triton for this system")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
CASES = [(LIFParams(surrogate=s, slope=a, decay=decay, threshold=v), kind)
         for s in SURROGATES for a, decay, v in ((4.0, 0.5, 1.0), (3.3, 0.9, 1.3))
         for kind in kinds() if s != "clamp" or kind == "saf"]  # fmt: skip


def currents_of(shape, dtype, seed=0):
    x = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return x.to(DEVICE, dtype)


def agree(fast, slow):
    """Outputs bit for bit, gradients to rounding: of half precision, two digits of the largest."""
    size, eps = slow[1].abs().max(), torch.finfo(slow[1].dtype).eps
    assert size > 0
    half = slow[1].element_size() == 2
    if half:
        # The interpreter cuts where a GPU rounds to bfloat16; spikes are compared in the state.
        torch.testing.assert_close(fast[0], slow[0], rtol=eps, atol=0)
        torch.testing.assert_close(fast[1], slow[1], rtol=0, atol=2 * eps * float(size))
    else:
        assert torch.equal(fast[0], slow[0])
        torch.testing.assert_close(fast[1], slow[1])
    for a, b in zip(fast[2], slow[2], strict=True):
        assert torch.equal(a, b)


@pytest.fixture
def poisoned(monkeypatch):
    """Unwritten memory holds NaN, so that an element that no kernel writes is seen."""
    plain = torch.empty_like

    def empty_like(*args, **options):
        return plain(*args, **options).fill_(float("nan"))

    monkeypatch.setattr(torch, "empty_like", empty_like)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("p", "kind"), CASES, ids=str)
def test_kernels_equal_reference(kind, p, dtype):
    currents = currents_of((5, 3, 7, 61), dtype)  # 1,281 neurons: more than one block, not full
    agree(run(kind, "gpu", currents, p), run(kind, "reference", currents, p))


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("chunk", [1, 2, 7])
@pytest.mark.parametrize("kind", kinds())
def test_chunks_do_not_matter(kind, chunk, detach):
    p = LIFParams(decay=0.8, surrogate="clamp" if kind == "saf" else "sigmoid")
    currents = currents_of((7, 2, 5), torch.float32)
    fast = run(kind, "gpu", currents, p, chunk=chunk, detach_reset=detach)
    agree(fast, run(kind, "cpu", currents, p, detach_reset=detach))


LAYOUTS = {
    "channels last": lambda x: x.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    .unflatten(0, x.shape[:2]),
    "every second column": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "time inside": lambda x: x.movedim(0, -1).contiguous().movedim(-1, 0),
    "one image for all": lambda x: x[:, :1].expand_as(x),
    "slice of time": lambda x: torch.cat([x, x])[1 : 1 + len(x)],
}  # fmt: skip


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("kind", kinds())
def test_any_strides(kind, layout):
    currents = LAYOUTS[layout](currents_of((4, 2, 3, 5, 7), torch.float32))
    fast, slow = (
        run(kind, "gpu", currents, LIFParams()),
        run(kind, "reference", currents, LIFParams()),
    )
    agree(fast, slow)
    agree(run(kind, "gpu", currents, LIFParams(), chunk=1), slow)
    if layout == "channels last":
        out, _ = scan(kind, currents, None, LIFParams(), impl="gpu")
        assert (out[0] if isinstance(out, tuple) else out).stride() == currents.stride()


def test_a_state_of_another_layout():
    p, currents = LIFParams(decay=0.9), currents_of((3, 2, 3, 5, 7), torch.float32)
    last = LAYOUTS["channels last"](currents)
    for kind in kinds():
        _, state = scan(kind, currents, None, p, impl="reference")
        fast, _ = scan(kind, last, state, p, start=3, impl="gpu")
        slow, _ = scan(kind, currents, state, p, start=3, impl="reference")
        for a, b in zip(fast, slow, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("shape", [(1, 1), (6, 0, 4), (2, 1, 1, 1)])
@pytest.mark.parametrize("kind", kinds())
def test_small_and_empty(kind, shape):
    currents = currents_of(shape, torch.float32)
    fast, slow = (run(kind, impl, currents, LIFParams()) for impl in ("gpu", "reference"))
    assert torch.equal(fast[0], slow[0])
    torch.testing.assert_close(fast[1], slow[1])


def saved(kind, currents, *, grad):
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x), \
            torch.set_grad_enabled(grad):  # fmt: skip
        scan(kind, currents.requires_grad_(), None, LIFParams(), impl="gpu")
    return sum(x.numel() * x.element_size() for x in kept)


@pytest.mark.parametrize("kind", kinds())
def test_bytes_kept_per_neuron_step(kind):
    """One number per neuron-step, two bytes of it for half precision; nothing without a graph."""
    for dtype, size in ((torch.float32, 4), (torch.bfloat16, 2), (torch.float16, 2)):
        currents = currents_of((4, 3, 8), dtype)
        assert saved(kind, currents, grad=True) == size * currents.numel()
        assert saved(kind, currents, grad=False) == 0


@pytest.mark.parametrize("kind", kinds())
def test_half_precision_state_is_float32_and_spikes_exact_at_half(kind):
    """At λ = 1/2 and T = 8 the bfloat16 outputs equal those of a float32 run digit for digit."""
    half = currents_of((8, 2, 50), torch.bfloat16)
    out, state = scan(kind, half, None, LIFParams(), impl="gpu")
    wide, _ = scan(kind, half.float(), None, LIFParams(), impl="reference")
    assert all(x.dtype == torch.float32 for x in state)
    for a, b in zip(out, wide, strict=True):
        assert a.dtype == torch.bfloat16
        assert torch.equal(a.float(), b)


def samples(dtype):
    x = currents_of((3, 2, 3, 5), dtype)
    u, s, a = (currents_of((2, 3, 5), torch.float32, seed) for seed in (1, 2, 3))
    p = (0.5, 1.0, "sigmoid", 4.0)
    yield "saf", (x.clone().requires_grad_(), a, *p, 0.0, True)
    yield "saf", (x.transpose(2, 3), a.transpose(1, 2), 0.5, 1.0, "clamp", 4.0, 1.5, False)
    yield "ottt", (x.clone().requires_grad_(), u, (s > 0).float(), a, *p, True)
    yield "lif", (x.clone().requires_grad_(), u, (s > 0).float(), *p, False, True)
    yield "lif_backward", (x, x, u, 0.5, 1.0, False)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_operators_are_registered_right(dtype):
    from saflab.ops import gpu

    for name, arguments in samples(dtype):
        torch.library.opcheck(getattr(gpu, f"_{name}"), arguments)


@pytest.mark.skipif(DEVICE.type == "cuda", reason="tells what happens without a GPU")
def test_what_cannot_run_is_named(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert choose("auto", cpu) == "cpu"
    assert choose("auto", cuda) == "gpu"
    assert choose("gpu", cpu) == "gpu"  # the interpreter
    monkeypatch.delenv("TRITON_INTERPRET")
    with pytest.raises(ValueError, match="CUDA device for impl='gpu', but found the device cpu"):
        choose("gpu", cpu)
    monkeypatch.setattr(sys.modules["saflab.ops.scan"], "has_triton", lambda: False)
    assert choose("auto", cuda) == "cpu"
    with pytest.raises(ValueError, match="found no Triton"):
        choose("gpu", cuda)


def test_doctor_runs_the_kernels(monkeypatch, capsys):
    """The interpreter plays the GPU; a kernel that is wrong or does not run is told."""
    from saflab.cli import doctor

    if DEVICE.type == "cpu":
        assert doctor._kernels(DEVICE) == 0
        assert "not used: no CUDA GPU" in capsys.readouterr().out
    cuda = SimpleNamespace(type="cuda")
    right = agreement("gpu", DEVICE, steps=2)
    assert right.flips == 0
    assert 0 < right.error < 4
    for found, status, words in (
        (right, 0, "GPU kernels  work: 0 of "),
        (right._replace(flips=1), 1, "WRONG"),
        (right._replace(error=100.0), 1, "WRONG"),
        (RuntimeError("no compiler"), 1, "do not run: RuntimeError: no compiler"),
    ):
        monkeypatch.setattr("saflab.ops.agreement.agreement", Mock(side_effect=[found]))
        assert doctor._kernels(cuda) == status
        assert words in capsys.readouterr().out


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from saflab.ops import kernels
from saflab.neurons import SURROGATES

WIDE = {"before", "last", "u_before", "s_before", "a_before", "u_last", "a_last", "grads_u",
        "u_out", "s_out"}

def build(kernel, kind, capability=90, **constants):
    types = {}
    for name in kernel.arg_names:
        wide = "fp64" if kind == "fp64" else "fp32"
        types[name] = ("constexpr" if name.isupper() else "i32" if name == "n"
                       else "*" + (wide if name in WIDE else kind))
    values = {(i,): constants[x] for i, x in enumerate(kernel.arg_names) if x.isupper()}
    whole = {(i,): [["tt.divisibility", 16]] for i, x in enumerate(kernel.arg_names)
             if not x.isupper()}
    return triton.compile(ASTSource(kernel, signature=types, constexprs=values, attrs=whole),
                          target=GPUTarget("cuda", capability, 32),
                          options={"num_warps": 4, "enable_fp_fusion": False}).asm["ptx"]

for kind, surrogate in (*(("bf16", x) for x in SURROGATES), ("fp32", "clamp"), ("fp64", "arctan"),
                        ("fp16", "sigmoid")):
    constants = dict(DECAY=0.9, THRESHOLD=1.3, SURROGATE=surrogate, SLOPE=4.0, STEPS=6, BLOCK=1024,
                     TOTAL=0.0, LAST=kind[-2:] == "16", KEEP=True, DETACH=False)
    ptx = build(kernels.saf_forward, kind, **constants)
    assert ptx.count("ld.global.v") >= 2 and ptx.count("st.global.v") >= 2
    if kind == "fp32":
        build(kernels.saf_forward, kind, capability=80, **{**constants, "KEEP": False})
    if surrogate == "sigmoid":
        build(kernels.ottt_forward, kind, **constants)
        build(kernels.lif_forward, kind, **constants)
        for detach in (True, False):
            build(kernels.lif_backward, kind, **{**constants, "DETACH": detach})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Triton compiles on Linux")
def test_kernels_compile_for_a_gpu(tmp_path):
    """The interpreter runs Python; that a GPU could run it too, the compiler says, without one."""
    env = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    env.pop("TRITON_INTERPRET", None)
    done = subprocess.run([sys.executable, "-c", COMPILE], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
