"""The kernels that a session launches: gradient of all rows, update, and whole SGD steps."""

from __future__ import annotations

import triton
import triton.language as tl

from glassnet.engines.gpu import narrow, wide
from glassnet.engines.gpu.random import drawn_rows, noise_at


@triton.jit
def clear(gradient, SIZE: tl.constexpr, BLOCK: tl.constexpr):
    """Set ``SIZE`` numbers to zero."""
    for start in range(0, SIZE, BLOCK):
        j = start + tl.arange(0, BLOCK)
        tl.store(gradient + j, tl.zeros((BLOCK,), tl.float32), mask=j < SIZE)


@triton.jit
def slack_of(f, y):
    """max(0, 1 - y f); an output that is not a number counts as awake."""
    return tl.where(y * f >= 1.0, 0.0, 1.0 - y * f)


@triton.jit
def outputs(
    x,
    weights,
    scratch,
    BM: tl.constexpr,
    DP: tl.constexpr,
    WP: tl.constexpr,
    CB: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Outputs (BM,) for inputs (BM, DP)."""
    if CB == WP:
        f = narrow.forward(x, weights, scratch, BM, DP, WP, DEPTH)
    else:
        f = wide.forward(x, weights, scratch, BM, DP, WP, CB, DEPTH)
    return f


@triton.jit
def add_gradient(
    x,
    slope,
    weights,
    scratch,
    gradient,
    BM: tl.constexpr,
    DP: tl.constexpr,
    WP: tl.constexpr,
    CB: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Add the part of the rows that were sent forward last."""
    if CB == WP:
        narrow.backward(x, slope, weights, scratch, gradient, BM, DP, WP, DEPTH)
    else:
        wide.backward(x, slope, weights, scratch, gradient, BM, DP, WP, CB, DEPTH)


@triton.jit(do_not_specialize=["n_rows", "n_tiles"])
def gradient_kernel(
    features,
    labels,
    weights,
    current,
    wanted,
    scratch,
    partial,
    seen,
    n_rows,
    n_tiles,
    DP: tl.constexpr,
    WP: tl.constexpr,
    CB: tl.constexpr,
    DEPTH: tl.constexpr,
    BM: tl.constexpr,
    BACK: tl.constexpr,
):
    """Sums over one chunk of ``n_tiles`` tiles of rows, for one replica; grid (chunk, replica).

    ``partial`` (replica, chunk, size) takes the gradient, ``seen`` (replica, chunk, 4) loss, rows awake, rows right,
    outputs that are not 0.
    ``weights`` is (2, replica, size), of which ``current`` (replica) chooses; replicas not ``wanted`` are left out.
    """
    chunk = tl.program_id(0)
    replica = tl.program_id(1)
    SIZE: tl.constexpr = (DP + (DEPTH - 1) * WP + 1) * WP
    if tl.load(wanted + replica) > 0:
        me = (replica * tl.num_programs(0) + chunk).to(tl.int64)
        weights += (tl.load(current + replica) * tl.num_programs(1) + replica).to(tl.int64) * SIZE
        scratch += me * ((DEPTH + 2) * BM * WP)
        partial += me * SIZE
        if BACK:
            clear(partial, SIZE, 1024)
            tl.debug_barrier()
        feature = tl.arange(0, DP)
        loss = tl.zeros((), tl.float64)
        awake = tl.zeros((), tl.int32)
        # Rows right, and 2^16 times the outputs that are not 0: one sum for both.
        counts = tl.zeros((), tl.int32)
        for t in range(n_tiles):
            row = (chunk * n_tiles + t) * BM + tl.arange(0, BM)
            inside = row < n_rows
            x = tl.load(features + row[:, None] * DP + feature[None, :], mask=inside[:, None], other=0.0)
            y = tl.load(labels + row, mask=inside, other=0.0)
            f = outputs(x, weights, scratch, BM, DP, WP, CB, DEPTH)
            slack = tl.where(inside, slack_of(f, y), 0.0)
            loss += tl.sum(0.5 * slack.to(tl.float64) * slack.to(tl.float64), axis=0)
            n_awake = tl.sum((inside & ~(y * f >= 1.0)).to(tl.int32), axis=0)
            awake += n_awake
            right = (inside & (y * f > 0.0)).to(tl.int32)
            counts += tl.sum(right + 65536 * (inside & (f != 0.0)).to(tl.int32), axis=0)
            # The first is known when the kernel is compiled, the second is not.
            if BACK:  # noqa: SIM102
                if n_awake > 0:
                    add_gradient(x, -y * slack, weights, scratch, partial, BM, DP, WP, CB, DEPTH)
            tl.debug_barrier()
        tl.store(seen + me * 4, loss)
        tl.store(seen + me * 4 + 1, awake.to(tl.float64))
        tl.store(seen + me * 4 + 2, (counts % 65536).to(tl.float64))
        tl.store(seen + me * 4 + 3, (counts // 65536).to(tl.float64))


@triton.jit
def sum_chunks(partial, j, n_chunks, SIZE: tl.constexpr, ROWS: tl.constexpr):
    """Sum of the chunks' gradients of one replica at ``j``, in float64 and always in the same order."""
    total = tl.zeros(j.shape, tl.float64)
    for start in range(0, n_chunks, ROWS):
        chunk = start + tl.arange(0, ROWS)
        some = (chunk[:, None] < n_chunks) & (j[None, :] < SIZE)
        part = tl.load(partial + chunk[:, None].to(tl.int64) * SIZE + j[None, :], mask=some, other=0.0)
        total += tl.sum(part.to(tl.float64), axis=0)
    return total


@triton.jit(do_not_specialize=["n_chunks"])
def sum_kernel(partial, out, n_chunks, share, SIZE: tl.constexpr, BLOCK: tl.constexpr):
    """The mean gradient ``out`` (replica, size) float64 of the chunks' sums; grid (block, replica)."""
    replica = tl.program_id(1)
    j = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    partial += replica.to(tl.int64) * n_chunks * SIZE
    total = sum_chunks(partial, j, n_chunks, SIZE, 16)
    tl.store(out + replica.to(tl.int64) * SIZE + j, total * tl.load(share), mask=j < SIZE)


@triton.jit
def moved(w, g, index, rate, l2, scale, seed, origin, noise, step, NOISY: tl.constexpr):
    """The weights ``w`` after one update, each operation in their own precision."""
    new = w - rate.to(w.dtype) * (g.to(w.dtype) + l2.to(w.dtype) * w)
    if NOISY:
        xi = noise_at(index, seed, origin, noise, step).to(w.dtype)
        new = tl.where(scale > 0.0, new + scale.to(w.dtype) * xi, new)
    return new


@triton.jit(do_not_specialize=["n_chunks"])
def update_kernel(
    weights,
    single,
    place,
    partial,
    names,
    numbers,
    step,
    current,
    left,
    broken,
    n_chunks,
    SIZE: tl.constexpr,
    BLOCK: tl.constexpr,
    NOISY: tl.constexpr,
):
    """New weights beside the old ones, in both precisions; ``broken`` where one is not finite; grid (block, replica).

    ``place`` (size) is the index of each padded number in the flat weights, -1 for padding; ``names`` (replica, 3)
    are seed, origin and noise, ``numbers`` (replica, 4) mu, lambda, the noise's scale and 1 / rows.
    """
    replica = tl.program_id(1)
    if tl.load(left + replica) > 0:
        n = tl.num_programs(1)
        j = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        index = tl.load(place + j, mask=j < SIZE, other=-1)
        real = index >= 0
        g = sum_chunks(partial + replica.to(tl.int64) * n_chunks * SIZE, j, n_chunks, SIZE, 16)
        now = tl.load(current + replica)
        old = (now * n + replica).to(tl.int64) * SIZE + j
        beside = ((1 - now) * n + replica).to(tl.int64) * SIZE + j
        w = tl.load(weights + old, mask=real, other=0.0)
        names += replica * 3
        numbers += replica * 4
        new = moved(
            w,
            g * tl.load(numbers + 3),
            index,
            tl.load(numbers),
            tl.load(numbers + 1),
            tl.load(numbers + 2),
            tl.load(names),
            tl.load(names + 1),
            tl.load(names + 2),
            tl.load(step + replica),
            NOISY,
        )
        tl.store(weights + beside, new, mask=real)
        tl.store(single + beside, new.to(tl.float32), mask=real)
        bad = tl.sum((real & ~(tl.abs(new) < float("inf"))).to(tl.int32), axis=0)
        if bad > 0:
            tl.store(broken + replica, 1)


@triton.jit
def commit_kernel(step, current, left, alive, broken):
    """Make the new weights the current ones, or end a replica whose update is not finite; grid (replica,)."""
    replica = tl.program_id(0)
    if tl.load(left + replica) > 0:
        if tl.load(broken + replica) > 0:
            tl.store(alive + replica, 0)
            tl.store(left + replica, 0)
            tl.store(broken + replica, 0)
        else:
            tl.store(current + replica, 1 - tl.load(current + replica))
            tl.store(step + replica, tl.load(step + replica) + 1)
            tl.store(left + replica, tl.load(left + replica) - 1)


@triton.jit(do_not_specialize=["n_steps", "n_rows", "batch", "per_epoch"])
def batches_kernel(
    features,
    labels,
    weights,
    single,
    place,
    order,
    order_of,
    scratch,
    gradient,
    names,
    numbers,
    step,
    current,
    left,
    alive,
    n_steps,
    n_rows,
    batch,
    per_epoch,
    DP: tl.constexpr,
    WP: tl.constexpr,
    CB: tl.constexpr,
    DEPTH: tl.constexpr,
    BM: tl.constexpr,
    BLOCK: tl.constexpr,
    NOISY: tl.constexpr,
    REPLACEMENT: tl.constexpr,
):
    """Up to ``n_steps`` steps with batches, none beyond the replica's epoch, all of one replica; grid (replica,).

    ``order`` (order, row) are permutations of the rows, of which replica r follows ``order_of[r]``.
    """
    replica = tl.program_id(0)
    n = tl.num_programs(0)
    SIZE: tl.constexpr = (DP + (DEPTH - 1) * WP + 1) * WP
    seed = tl.load(names + replica * 3)
    origin = tl.load(names + replica * 3 + 1)
    noise = tl.load(names + replica * 3 + 2)
    rate = tl.load(numbers + replica * 4)
    l2 = tl.load(numbers + replica * 4 + 1)
    scale = tl.load(numbers + replica * 4 + 2)
    share = tl.load(numbers + replica * 4 + 3)
    scratch += replica.to(tl.int64) * ((DEPTH + 2) * BM * WP)
    gradient += replica.to(tl.int64) * SIZE
    now = tl.load(current + replica)
    t = tl.load(step + replica)
    feature = tl.arange(0, DP)
    position = t % per_epoch
    n_made = tl.minimum(tl.load(left + replica), n_steps)
    if not REPLACEMENT:
        n_made = tl.minimum(n_made, per_epoch - position)
        order += tl.load(order_of + replica).to(tl.int64) * n_rows
    made = n_made * 0
    dead = n_made * 0
    live = n_made > 0
    while live:
        net = single + (now * n + replica).to(tl.int64) * SIZE
        clear(gradient, SIZE, BLOCK)
        tl.debug_barrier()
        for start in range(0, batch, BM):
            m = start + tl.arange(0, BM)
            inside = m < batch
            if REPLACEMENT:
                row = drawn_rows(m, n_rows, seed, origin, noise, t)
            else:
                row = tl.load(order + position * batch + m, mask=inside, other=0)
            x = tl.load(features + row[:, None] * DP + feature[None, :], mask=inside[:, None], other=0.0)
            y = tl.load(labels + row, mask=inside, other=0.0)
            f = outputs(x, net, scratch, BM, DP, WP, CB, DEPTH)
            slope = tl.where(inside, -y * slack_of(f, y), 0.0)
            add_gradient(x, slope, net, scratch, gradient, BM, DP, WP, CB, DEPTH)
            tl.debug_barrier()
        bad = made * 0
        for start in range(0, SIZE, BLOCK):
            j = start + tl.arange(0, BLOCK)
            index = tl.load(place + j, mask=j < SIZE, other=-1)
            real = index >= 0
            old = (now * n + replica).to(tl.int64) * SIZE + j
            beside = ((1 - now) * n + replica).to(tl.int64) * SIZE + j
            g = tl.load(gradient + j, mask=real, other=0.0).to(tl.float64) * share
            w = tl.load(weights + old, mask=real, other=0.0)
            new = moved(w, g, index, rate, l2, scale, seed, origin, noise, t, NOISY)
            tl.store(weights + beside, new, mask=real)
            tl.store(single + beside, new.to(tl.float32), mask=real)
            bad += tl.sum((real & ~(tl.abs(new) < float("inf"))).to(tl.int32), axis=0).to(bad.dtype)
        tl.debug_barrier()
        if bad > 0:
            dead = dead + 1
            live = False
        else:
            now = 1 - now
            t += 1
            position += 1
            made += 1
            live = made < n_made
    tl.store(current + replica, now)
    tl.store(step + replica, t)
    tl.store(left + replica, tl.where(dead > 0, 0, tl.load(left + replica) - made))
    tl.store(alive + replica, tl.where(dead > 0, 0, tl.load(alive + replica)))
