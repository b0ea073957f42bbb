# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""Regression trees, grown and asked by compiled loops. Importing this loads numba.

A forest is arrays of the shape (trees, nodes). Node 0 is the root. A node with `left` = 0 is a leaf; of any other the
rows with `column` <= `threshold` go to node `left` and the others to node `left` + 1. `mean` is that of the node's
values.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["grow", "predict"]


@njit(nogil=True, cache=True)
def _next(state):
    """The next state and 32 random bits (PCG, O'Neill 2014)."""
    drawn = np.uint64(state)
    mixed = np.uint32(((drawn >> np.uint64(18)) ^ drawn) >> np.uint64(27))
    turn = np.uint32(drawn >> np.uint64(59))
    rotated = np.uint32((mixed >> turn) | (mixed << ((np.uint32(32) - turn) & np.uint32(31))))
    return drawn * np.uint64(6364136223846793005) + np.uint64(1442695040888963407), rotated


@njit(nogil=True, cache=True)
def grow(codes, low, high, flags, flag, values, weights, states, tried, column, threshold, left, mean):
    """Grow trees by the split that lowers the squared error most, until leaves hold one row or equal values.

    Args:
        codes: Shape (columns, rows), int16: the bin of each value; bins are numbered from 0 in ascending order.
        low: Shape (columns, bins): the smallest value of each bin.
        high: The largest.
        flags: Shape (rows, columns of two bins): the bins of these columns once more, as numbers. What is summed over
            them is summed over all at once.
        flag: Shape (columns,): where a column is in `flags`, or -1.
        values: Shape (rows,): what is learned.
        weights: Shape (trees, rows): how often a tree has a row.
        states: Shape (trees,), uint64: the random state of each tree.
        tried: Of how many columns a split may choose; of more where the rows of a node are equal in all of these.
        column: Shape (trees, nodes), written; so are the others.
        threshold: Of the split.
        left: The left child, 0 for a leaf.
        mean: Of the values.
    """
    columns, rows = codes.shape
    bins, flagged = low.shape[1], flags.shape[1]
    count, total = np.zeros(bins), np.zeros(bins)
    flag_count, flag_total = np.zeros(flagged), np.zeros(flagged)
    members, aside = np.empty(rows, np.int64), np.empty(rows, np.int64)
    order = np.arange(columns)
    nodes = mean.shape[1]
    begins, ends = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    for tree in range(len(states)):
        state = states[tree]
        weight = weights[tree]
        size = 0
        for row in range(rows):
            if weight[row] > 0.0:
                members[size] = row
                size += 1
        begins[0], ends[0] = 0, size
        made = 1
        node = 0
        while node < made:
            begin, end = begins[node], ends[node]
            node_count, node_total = 0.0, 0.0
            least, most = np.inf, -np.inf
            for place in range(begin, end):
                row = members[place]
                node_count += weight[row]
                node_total += weight[row] * values[row]
                least, most = min(least, values[row]), max(most, values[row])
            mean[tree, node] = node_total / node_count
            left[tree, node] = 0
            best, best_column, best_bin, best_next = -np.inf, -1, 0, 0
            if end - begin > 1 and most > least:
                flag_count[:] = 0.0
                flag_total[:] = 0.0
                for place in range(begin, end):
                    row = members[place]
                    here, value = weight[row], weight[row] * values[row]
                    for i in range(flagged):
                        flag_count[i] += here * flags[row, i]
                        flag_total[i] += value * flags[row, i]
                for step in range(columns):
                    state, bits = _next(state)
                    other = step + np.int64((np.uint64(bits) * np.uint64(columns - step)) >> np.uint64(32))
                    candidate = order[other]
                    order[other] = order[step]
                    order[step] = candidate
                    if flag[candidate] >= 0:
                        after_count, after_total = flag_count[flag[candidate]], flag_total[flag[candidate]]
                        before_count, before_total = node_count - after_count, node_total - after_total
                        if after_count > 0.0 and before_count > 0.0:
                            gain = (
                                before_total * before_total / before_count
                                + after_total * after_total / after_count
                            )
                            if gain > best:
                                best, best_column, best_bin, best_next = gain, candidate, 0, 1
                    else:
                        of_column = codes[candidate]
                        first, last = bins, 0
                        for place in range(begin, end):
                            row = members[place]
                            code = of_column[row]
                            count[code] += weight[row]
                            total[code] += weight[row] * values[row]
                            first, last = min(first, code), max(last, code)
                        before_count, before_total = 0.0, 0.0
                        before = first
                        for code in range(first, last + 1):
                            if count[code] > 0.0:
                                if code > first:
                                    after_count = node_count - before_count
                                    after_total = node_total - before_total
                                    gain = (
                                        before_total * before_total / before_count
                                        + after_total * after_total / after_count
                                    )
                                    if gain > best:
                                        best, best_column, best_bin, best_next = gain, candidate, before, code
                                before_count += count[code]
                                before_total += total[code]
                                before = code
                                count[code] = 0.0
                                total[code] = 0.0
                    if step + 1 >= tried and best_column >= 0:
                        break
            if best_column >= 0:
                of_column = codes[best_column]
                to, later = begin, 0
                for place in range(begin, end):
                    row = members[place]
                    if of_column[row] <= best_bin:
                        members[to] = row
                        to += 1
                    else:
                        aside[later] = row
                        later += 1
                for place in range(later):
                    members[to + place] = aside[place]
                column[tree, node] = best_column
                threshold[tree, node] = 0.5 * (high[best_column, best_bin] + low[best_column, best_next])
                left[tree, node] = made
                begins[made], ends[made] = begin, to
                begins[made + 1], ends[made + 1] = to, end
                made += 2
            node += 1


@njit(nogil=True, cache=True)
def predict(rows, column, threshold, left, mean, votes):
    """What each tree says.

    Args:
        rows: Shape (rows, columns).
        column: The forest, and so the next three.
        threshold: Of the splits.
        left: The left children.
        mean: Of the values.
        votes: Shape (trees, rows), written.
    """
    for tree in range(len(left)):
        for row in range(len(rows)):
            node = 0
            while left[tree, node] > 0:
                goes_right = rows[row, column[tree, node]] > threshold[tree, node]
                node = left[tree, node] + (1 if goes_right else 0)
            votes[tree, row] = mean[tree, node]
