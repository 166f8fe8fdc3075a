#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Draws the ratios of tools/bench as bars (matplotlib, which tools/bench installs into its own environment).

usage: plot.py RATIOS.json OUT.svg       {"title": ..., "groups": [[name, [[model, [[peer, ratio, least, most]]]]]]}
"""
import json
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "onyx", "svg.fonttype": "none", "font.size": 9})
from matplotlib import pyplot  # noqa: E402

COLOURS = ("#2a6f97", "#e07a2f", "#6a994e")


def draw_group(axes, name, models):
    peers = list(dict.fromkeys(peer for _, rows in models for peer, *_ in rows))
    height = 0.8 / max(1, len(peers))
    for k, peer in enumerate(peers):
        for i, (_, rows) in enumerate(models):
            for other, ratio, least, most in rows:
                if other != peer:
                    continue
                at = i + (k - (len(peers) - 1) / 2) * height
                axes.barh(at, ratio, height * 0.92, color=COLOURS[k % len(COLOURS)], label=peer,
                          xerr=[[max(0, ratio - least)], [max(0, most - ratio)]], error_kw={"lw": 0.8})
                axes.text(max(ratio, most) + 0.04, at, f"{ratio:.2f}", va="center", fontsize=7)
    axes.axvline(1, color="black", lw=0.8)
    axes.set_yticks(range(len(models)), [model for model, _ in models])
    axes.invert_yaxis()
    axes.set_title(name, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles))
    axes.legend(unique.values(), unique.keys(), fontsize=7, frameon=False, loc="lower right")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        data = json.load(file)
    groups = [(name, models) for name, models in data["groups"] if models]
    columns = min(2, len(groups))
    lines = -(-len(groups) // columns)
    heights = [0.9 + 0.33 * max(len(models) for _, models in groups[i * columns:(i + 1) * columns])
               for i in range(lines)]
    height = sum(heights) + 0.4
    figure, axes = pyplot.subplots(lines, columns, figsize=(1 + 5 * columns, height), squeeze=False,
                                   gridspec_kw={"height_ratios": heights})
    for axis in axes.flat[len(groups):]:
        axis.set_visible(False)
    for axis, (name, models) in zip(axes.flat, groups):
        draw_group(axis, name, models)
    figure.supxlabel("time of the other engine / time of Onyx; lines: smallest to largest of the pairs", fontsize=8)
    figure.suptitle(data["title"], fontsize=9, x=0.01, y=1 - 0.1 / height, ha="left", va="top")
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 / height))  # inches below the title
    figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
