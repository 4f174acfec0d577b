"""Results as a table, as JSON, as Markdown, and beside their targets."""
import statistics
import textwrap

from rows import KINDS


def shape_name(shape):
    return "%dx%d" % tuple(shape)


# row, shape, what it is compared with ("floor" or another row), figure, most
TARGETS = (
    ("bin", "64x1", "floor", "cpu_us", 1.25),
    ("bin", "64x16", "floor", "cpu_us", 1.6),
    ("bin", "64x16", "redis", "cpu_us", 1.0),
    ("netrpc", "64x1", "floor", "cpu_us", 1.3),
    ("netrpc", "64x1", "go-netrpc", "cpu_us", 0.5),
    ("netrpc", "64x1", "go-netrpc", "p99_us", 1.0),
    ("netrpc", "64x16", "floor", "cpu_us", 2.0),
    ("netrpc", "64x16", "go-netrpc", "cpu_us", 0.1),
    ("json", "64x1", "floor", "cpu_us", 1.4),
    ("json", "64x1", "go-jsonrpc", "p99_us", 1.0),
    ("json", "64x16", "floor", "cpu_us", 2.5),
    ("json", "64x16", "go-jsonrpc", "cpu_us", 0.1),
    ("gateway", "64x1", "nginx-stream", "cpu_us", 0.8),
    ("gateway", "64x16", "nginx-stream", "cpu_us", 1.0),
)
FIGURES = ("cpu_us", "rate", "p50_us", "p99_us")


def summarize(samples):
    """samples: {(row, shape name): {"own": [result...], "floor": [result...]}}; medians with least and most."""
    rows = {}
    for (row, shape), cell in samples.items():
        summary = {figure: spread([result[figure] for result in cell["own"]]) for figure in FIGURES}
        busy = [result["generator_busy"] for result in cell["own"] if "generator_busy" in result]
        if busy:
            summary["generator_busy"] = statistics.median(busy)
        if cell["floor"]:
            summary["floor_cpu_us"] = spread([result["cpu_us"] for result in cell["floor"]])
            summary["ratio"] = paired(cell["own"], cell["floor"], "cpu_us")
        rows.setdefault(row, {})[shape] = summary
    return rows


def paired(own, beside, figure):
    """The median of the ratios of each round: what slows the machine for a while slows both."""
    return statistics.median(a[figure] / b[figure] for a, b in zip(own, beside))


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def verdicts(samples):
    """A line for each target whose rows were measured."""
    result = []
    for row, shape, other, figure, most in TARGETS:
        cell = samples.get((row, shape), {"own": []})
        beside = cell.get("floor", []) if other == "floor" else samples.get((other, shape), {"own": []})["own"]
        if cell["own"] and beside:
            value = paired(cell["own"], beside, figure)
            result.append({"row": row, "shape": shape, "beside": other, "figure": figure, "value": value, "most": most,
                           "met": value <= most})
    return result


def verdict_line(verdict):
    name = "floor" if verdict["beside"] == "floor" else KINDS[verdict["beside"]].title
    figure = "p99 of " if verdict["figure"] == "p99_us" else ""
    return (f"{verdict['row']} {verdict['shape']}: {verdict['value']:.2f} x {figure}{name}, "
            f"at most {verdict['most']:g}: {'met' if verdict['met'] else 'MISSED'}")


# ---- for people ----


def table(result):
    """Lines of at most 120 columns: a section for each shape."""
    lines = []
    for shape in result["shapes"]:
        lines += section(result, shape) + [""]
    for name, package in result["not_installed"].items():
        lines.append(f"{KINDS[name].title}: not installed ({package}): ./configure --install-deps --with-bench")
    lines += [verdict_line(verdict) for verdict in result["targets"]]
    return lines


def section(result, shape):
    connections, depth = shape.split("x")
    lines = [f"{connections} connection{'s' * (connections != '1')}, {depth} in flight on each",
             f"{'':24}{'us CPU/call':>12}{'min to max':>20}{'floor':>9}{'x floor':>9}{'calls/s':>11}"
             f"{'p50 us':>10}{'p99 us':>10}"]
    for row, cells in result["rows"].items():
        cell = cells[shape]
        cpu = cell["cpu_us"]
        low_high = f"{cpu['min']:.3f} to {cpu['max']:.3f}"
        floor = f"{cell['floor_cpu_us']['median']:9.3f}{cell['ratio']:9.2f}" if "ratio" in cell else f"{'-':>9}{'-':>9}"
        lines.append(f"{KINDS[row].title:24}{cpu['median']:12.3f}{low_high:>20}{floor}{cell['rate']['median']:11,.0f}"
                     f"{cell['p50_us']['median']:10.1f}{cell['p99_us']['median']:10.1f}")
    return lines


def cell_text(value):
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else value


def sweep_table(sweep):
    """For people, as lines of text."""
    rows = [sweep.columns] + [list(map(cell_text, row)) for row in sweep.rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [sweep.title] + ["  ".join([row[0].ljust(widths[0])] + [text.rjust(width) for text, width in
                                                                  zip(row[1:], widths[1:])]) for row in rows]


# ---- for the documentation ----


def markdown(results):
    """The tables of README.md, and then those of docs/benchmark.md, from the file that --json has written."""
    rows = [result for result in results if "rows" in result]
    lines = []
    for result in rows:
        lines += ["README.md:", "", *readme_text(result), ""] + readme_table(result) + [""]
    lines += ["docs/benchmark.md:", ""]
    for result in rows:
        lines += [conditions(result) + ".", ""]
        for shape in result["shapes"]:
            lines += [f"**{shape}**", ""] + shape_table(result, shape) + [""]
        lines += [f"- {verdict_line(verdict)}" for verdict in result["targets"]] + [""]
    for result in results:
        for sweep in result.get("sweeps", {}).values():
            lines += [f"**{sweep['title']}**", ""] + markdown_table(
                [sweep["columns"]] + [list(map(cell_text, row)) for row in sweep["rows"]]) + [""]
    return lines[:-1]


def conditions(result):
    machine = result["machine"]
    return (f"{result['date']}, revision {result['revision']}, {machine['processors']} x {machine['cpu']}, Linux "
            f"{machine['kernel']}, load average {machine['load']:.1f} before it; "
            f"{result['rounds']} rounds of {result['seconds']:g} s")


def readme_text(result):
    machine = result["machine"]
    return textwrap.wrap(
        "CPU of the server per call in microseconds, its ratio to a raw epoll echo of the same bytes, and calls per "
        "second, through one worker; 64 connections with 1 and with 16 calls in flight on each. Medians of "
        f"{result['rounds']} interleaved rounds, {result['date']}, {machine['processors']} x {machine['cpu']}, load "
        f"average {machine['load']:.1f} before it; `make bench` ([how to read it, and more](docs/benchmark.md)):", 120)


def markdown_table(rows):
    return ["| " + " | ".join(row) + " |" for row in rows[:1] + [["---"] * len(rows[0])] + rows[1:]]


def shape_table(result, shape):
    rows = [["", "us CPU/call", "min to max", "floor", "x floor", "calls/s", "p50 us", "p99 us"]]
    for row, cells in result["rows"].items():
        cell = cells[shape]
        cpu = cell["cpu_us"]
        floor = [f"{cell['floor_cpu_us']['median']:.2f}", f"{cell['ratio']:.2f}"] if "ratio" in cell else ["-", "-"]
        rows.append([KINDS[row].title, f"{cpu['median']:.2f}", f"{cpu['min']:.2f} to {cpu['max']:.2f}", *floor,
                     f"{cell['rate']['median']:,.0f}", f"{cell['p50_us']['median']:.0f}",
                     f"{cell['p99_us']['median']:.0f}"])
    return markdown_table(rows)


def readme_table(result):
    shapes = [shape for shape in ("64x1", "64x16") if shape in result["shapes"]]
    rows = [[""] + [title for shape in shapes for title in (f"{shape} us", "x floor", "calls/s")]]
    for row, cells in result["rows"].items():
        figures = [KINDS[row].title]
        for shape in shapes:
            cell = cells[shape]
            figures += [f"{cell['cpu_us']['median']:.2f}", f"{cell['ratio']:.2f}" if "ratio" in cell else "-",
                        f"{cell['rate']['median']:,.0f}"]
        rows.append(figures)
    return markdown_table(rows)
