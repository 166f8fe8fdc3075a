# SPDX-License-Identifier: BSD-2-Clause
"""Puts sections into a Markdown file, between marks; what stands outside of them is a person's.

    <!-- tools/bench NAME -->
    ...
    <!-- end of NAME -->
"""
import re


def marks(name):
    return f"<!-- tools/bench {name} -->", f"<!-- end of {name} -->"


def is_empty(text, name):
    """Whether the section has no figures yet."""
    begin, _ = marks(name)
    at = text.find(begin)
    return at < 0 or text[at + len(begin):].lstrip().startswith("Not measured")


def replaced(text, name, title, body):
    """The text with the section's body; a section that has no place yet comes last, under a heading of its own."""
    begin, end = marks(name)
    whole = f"{begin}\n{body.strip()}\n{end}"
    found = re.search(re.escape(begin) + r".*?" + re.escape(end), text, re.DOTALL)
    if found:
        return text[:found.start()] + whole + text[found.end():]
    return text.rstrip() + f"\n\n## {title}\n\n{whole}\n"


def ratios(text, name):
    """The section's table of ratios, "1.72 (1.70-1.74)" behind a peer's time: [[model, [[peer, ratio, least, most]]]]."""
    begin, end = marks(name)
    found = re.search(re.escape(begin) + r"(.*?)" + re.escape(end), text, re.DOTALL)
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in (found[1] if found else "").splitlines() if line.startswith("|")]
    models = []
    for row in rows[2:]:
        told = []
        for i, cell in enumerate(row[1:], 1):
            ratio = re.fullmatch(r"([\d.]+) \(([\d.]+)-([\d.]+)\)", cell)
            if ratio:
                told.append([rows[0][i - 1].removesuffix(" ms"), *map(float, ratio.groups())])
        if told:
            models.append([row[0], told])
    return models
