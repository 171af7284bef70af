# SPDX-License-Identifier: LGPL-2.1-or-later
"""The results of tools/bench as a table, as data and as a plot."""

import subprocess

PLOTTED = ("mmap RX, verity file", "exec, tiny static program")


def rules(size):
    return "no policy" if size is None else f"{size:,}"


def number(found):
    if not found:
        return ""
    return f"{found['median']:,.0f}" + ("" if found["min"] == found["max"] else f" ({found['min']:,.0f} to {found['max']:,.0f})")


class Results:
    """found: {kernel: {(title, rules): summary}}; "none" has no policies, and is what the others are held against."""

    def __init__(self, found):
        self.found = found

    def rows(self):
        """Every (title, rules) that a kernel has, those of one title together, in the order of the first kernel that has it."""
        titles = {}
        for rows in self.found.values():
            for title, size in rows:
                sizes = titles.setdefault(title, [])
                if size not in sizes:
                    sizes.append(size)
        return [(title, size) for title, sizes in titles.items() for size in sorted(sizes, key=lambda size: -1 if size is None else size)]

    def get(self, kernel, title, size):
        return self.found[kernel].get((title, size))

    def table(self):
        kernels = list(self.found)
        lines = [f"| | rules | {' | '.join(kernels)} | ours : upstream | ours above none |", "|" + "---|" * (len(kernels) + 4)]
        for title, size in self.rows():
            cells = [self.get(kernel, title, size) for kernel in kernels]
            none, upstream, ours = (self.get("none", title, None), self.get("upstream", title, size), self.get("ours", title, size))
            ratio = f"{ours['median'] / upstream['median']:.3f}" if ours and upstream and upstream["median"] else ""
            above = f"{ours['median'] - none['median']:,.0f}" if ours and none else ""
            lines.append(f"| {title} | {rules(size)} | {' | '.join(map(number, cells))} | {ratio} | {above} |")
        return "\n".join(lines)

    def data(self):
        return {kernel: [{"title": title, "rules": size, **found} for (title, size), found in rows.items()]
                for kernel, rows in self.found.items()}

    def deviation(self, other):
        """other: data() of another run."""
        before = {(kernel, row["title"], row["rules"]): row["median"] for kernel, rows in other.items() for row in rows}
        found = []
        for kernel, rows in self.found.items():
            for (title, size), row in rows.items():
                old = before.get((kernel, title, size))
                if old:
                    found.append((abs(row["median"] / old - 1), f"{kernel}: {title}, {rules(size)} rules: {old:,.0f}, then {row['median']:,.0f}"))
        found.sort(reverse=True)
        return "\n".join(["The largest differences of the medians:", *(f"{100 * share:6.2f}%  {text}" for share, text in found[:10])])

    def plot(self, path):
        """Cost against rules, both in logarithmic scale, by gnuplot."""
        blocks, names = [], []
        for title in PLOTTED:
            for kernel in ("upstream", "ours"):
                points = [(size, row["median"]) for (name, size), row in sorted(self.found[kernel].items(), key=lambda item: item[0][1] or 0)
                          if name == title and size]
                blocks.append("\n".join(f"{size} {value}" for size, value in points))
                names.append(f"{title}: {kernel}")
        terminal = "png size 1000,600" if path.suffix == ".png" else "svg size 1000,600"
        script = [f"set terminal {terminal}", f"set output '{path}'", "set logscale xy", "set xlabel 'rules of the policy'",
                  "set ylabel 'instructions'", "set key left top", "set grid",
                  "plot " + ", ".join(f"'-' with linespoints title '{name}'" for name in names),
                  *(f"{block}\ne" for block in blocks)]
        subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)
