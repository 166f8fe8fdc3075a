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
