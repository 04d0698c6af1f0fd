"""One sequence through one implementation of the time loop, in chunks, forward and backward."""

import torch

from saflab.ops import scan


def run(kind, impl, currents, p, *, chunk=None, detach_reset=False):
    """Return outputs, gradient of the currents and last state of a sequence run in chunks.

    The weights of the outputs depend on their shape alone, so that two runs have one loss.
    """
    x = currents.detach().requires_grad_()
    outs, state, start = [], None, 0
    for part in x.split(chunk or len(x)):
        out, state = scan(kind, part, state, p, start=start, impl=impl, detach_reset=detach_reset)
        outs.append(torch.stack(out) if isinstance(out, tuple) else out[None])
        start += len(part)
    out = torch.cat(outs, dim=1)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(out.shape, dtype=torch.float64, generator=generator).to(out)
    end = state[0].sum() if kind == "lif" else 0.0  # only LIF has a gradient through its state
    ((out * weights).sum() + end).backward()
    return out.detach(), x.grad, state
