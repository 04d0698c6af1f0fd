r"""Networks in the Neuromorphic Intermediate Representation (NIR), so that others can run them.

NIR describes a neuron by a differential equation, a threshold crossed from below (v > V_nir) and a
reset to a value, v ← v_reset. Readers integrate with one forward Euler step per time step dt.
Ours subtracts V, the subtraction decays with the potential, and it fires at equality:

    u[t] = λ·(u[t−1] − V·s[t−1]) + I[t]          s[t] = H(u[t] − V), H(0) = 1

No NIR neuron with a hard reset does that, but NIR's current-based neuron without membrane memory
does, with the reset as an inhibitory loop from the spikes to the current:

    CubaLIF   τ_syn·di/dt = −i + w_in·x          τ_mem·dv/dt = −v + r·i
    Euler     i[t] = (1 − dt/τ_syn)·i[t−1] + (dt·w_in/τ_syn)·x[t]
              v[t] = (1 − dt/τ_mem)·v[t−1] + (dt/τ_mem)·r·i[t]
    written   τ_syn = dt/(1 − λ)   w_in = 1/(1 − λ)   τ_mem = dt   r = 1   v_leak = v_reset = 0
    hence     i[t] = λ·i[t−1] + x[t]             v[t] = i[t], whatever v was reset to
    loop      x[t] = I[t] − λV·s[t−1]
    hence     v[t] = λ·(v[t−1] − V·s[t−1]) + I[t] = u[t]

Conventions, and what is done about each:

- *Reset*: the loop above, exact in real arithmetic. It is a 1×1 `Conv2d` (or a `Linear`) with
  −λV on its diagonal. NIR's own LIF and IF reset hard: reading one is refused, unless it forgets
  (τ = dt, any reset is the same) or the caller says that its writer subtracted, and nothing in the
  file contradicts: v_reset = 0, dt·R/τ = 1, not IF, and no note on another reset or writer. Even
  so NIR cannot tell snnTorch's default, which subtracts V after the decay, u[t] = λu[t−1] + I[t] −
  V·s[t−1]; only `Leaky(…, reset_mechanism="subtract", reset_delay=False)` is ours, while u < 2V.
- *`>` against `≥`*: V_nir is the float32 just below V, so that `v > V_nir` is `v ≥ V` in float32.
  A reader that fires at equality (SpikingJelly) fires one rounding unit early.
- *λ = 1* (IF): 1/(1 − λ) has no value, so λ = 1 − 2⁻²⁴, the float32 next to 1, stands for it.
- *Loops* carry the spikes of the step before, as in every discrete reader; NIR itself gives a
  loop no delay. Nodes are named in the order of their evaluation, which readers rely upon.
- *NaN and infinity* are refused on both ways; the error names the tensor. Files that we write hold
  a checksum, so that a damaged one is refused, too.
- *Weights*: standardisation and scaling are folded in: W ← scale·standardise(W), in float32.
- *Pooling* is NIR's `AvgPool2d`, which snnTorch and SpikingJelly read and Norse 1.1 does not.
- *Norse 1.1* evaluates breadth first, so that a skip arrives a step apart from what it is added
  to: give it networks without pooling and skips, such as `mlp`.

Folding and the loop round differently from our own run, so a spike may flip where u lies within
rounding of V; `tests/interop/test_nir.py` counts them.

Reference: Pedersen et al., Nature Communications 15, 8122 (2024).
"""

from saflab.interop.nir.files import export_checkpoint as export_checkpoint
from saflab.interop.nir.files import notes as notes
from saflab.interop.nir.files import read_graph as read_graph
from saflab.interop.nir.files import write_graph as write_graph
from saflab.interop.nir.importing import check_free as check_free
from saflab.interop.nir.importing import graph_inputs as graph_inputs
from saflab.interop.nir.importing import import_network as import_network
from saflab.interop.nir.importing import noted_steps as noted_steps
from saflab.interop.nir.reading import from_nir as from_nir
from saflab.interop.nir.writing import DT as DT
from saflab.interop.nir.writing import to_nir as to_nir
