"""The distance between the cpu engine and the float64 reference after the same Langevin run.

    python -m studies.agreement [--smoke]

Both make the same noise to the bit. They round the gradient differently, and the dynamics let the roundings grow.
"""

from __future__ import annotations

import numpy as np

import glassnet as gn
from glassnet.engines import Cpu, Engine, Reference
from studies.options import options


def main() -> None:
    """Quench briefly, run Langevin dynamics on each engine, print the distances."""
    smoke = options(__doc__).parse_args().smoke
    rows, quench, n_steps = (200, 100, 10) if smoke else (6_000, 60_000, 1_000)
    dataset = gn.load_dataset("mnist", n_samples=rows)
    landscape = gn.Landscape(gn.Mlp(10, 30, 6), dataset, gn.QuadraticHinge(1e-2))
    start = gn.evolve(gn.Ensemble.random(landscape.network, 2), landscape, gn.Sgd(1e-3, 100), quench)
    print(f"{n_steps} Langevin steps, mu = 1e-3, width 30, {rows} rows of MNIST, 2 replicas, after {quench} SGD steps")
    print(f"{'T':>8} {'gradient':>9} {'largest |dw - dw_ref|':>22} {'its root mean square':>21} {'rms |dw_ref|':>13}")
    engines: list[Engine] = [Cpu(gradient="float64"), Cpu(gradient="float32")]
    for temperature in (1e-2, 1e-4, 0.0):
        langevin = gn.Langevin(temperature, 1e-3)
        reference = gn.evolve(start, landscape, langevin, n_steps, engine=Reference()).weights
        moved = np.sqrt(np.mean((reference - start.weights) ** 2))
        for engine in engines:
            apart = gn.evolve(start, landscape, langevin, n_steps, engine=engine).weights - reference
            print(
                f"{temperature:8.0e} {engine.gradient:>9} {np.abs(apart).max():22.1e} "
                f"{np.sqrt(np.mean(apart**2)):21.1e} {moved:13.1e}"
            )


if __name__ == "__main__":
    main()
