"""The command line of the benchmark: measures rows in rounds, or sweeps, and prints what came out."""
import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import textwrap

import report
from conversations import WrongAnswer
from processes import PROCESSORS, House, NotStarted
from rows import KINDS, SHAPES, Rows
from servers import ROOT
from sweeps import SWEEPS

LOAD_BEFORE = os.getloadavg()[0]  # that what we start adds nothing to


def read_arguments():
    parser = argparse.ArgumentParser(description="CPU of the server per call, beside the floor and other servers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    parser.add_argument("--rows", default=",".join(KINDS), help="which, with commas: %(default)s")
    parser.add_argument("--shapes", default=",".join(map(report.shape_name, SHAPES)), help="%(default)s")
    parser.add_argument("--sweep", metavar="NAMES", help="instead of the rows: all, or some of " + ", ".join(SWEEPS))
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument("--markdown", metavar="FILE", nargs="+", help="measure nothing: the tables of README.md and "
                        "docs/benchmark.md from files that --json wrote")
    arguments = parser.parse_args()
    arguments.rows = choose(parser, "rows", arguments.rows, KINDS)
    shapes = {report.shape_name(shape): shape for shape in SHAPES}
    if arguments.sweep:
        wanted = ",".join(SWEEPS) if arguments.sweep == "all" else arguments.sweep
        arguments.sweep = choose(parser, "sweep", wanted, SWEEPS)
    arguments.shapes = [shapes[name] for name in choose(parser, "shapes", arguments.shapes, shapes)]
    if arguments.rounds < 1 or not 0 < arguments.seconds <= 3600:
        parser.error("--rounds must be at least 1, --seconds above 0 and at most 3600")
    return arguments


def choose(parser, option, text, known):
    names = text.split(",")
    for name in names:
        if name not in known:
            parser.error(f"--{option}: there is no {name!r}; there are {', '.join(known)}")
    return names


def tell(text):
    """Progress, for a person who watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def measure_rounds(rows, arguments):
    samples = {}
    for number in range(arguments.rounds):
        for name, row in rows.rows.items():
            for shape in arguments.shapes:
                tell(f"round {number + 1} of {arguments.rounds}: {name} {report.shape_name(shape)}")
                cell = samples.setdefault((name, report.shape_name(shape)), {"own": [], "floor": []})
                try:
                    floor = row.measure_floor(rows.floor, shape, arguments.seconds)
                    cell["own"].append(row.measure(shape, arguments.seconds))
                except WrongAnswer as wrong:
                    raise WrongAnswer(f"{name} {report.shape_name(shape)}: {wrong}") from None
                cell["floor"] += [floor] if floor else []
    tell("")
    return samples


def machine():
    model = ""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":")[1].strip()
    return {"cpu": model, "processors": len(PROCESSORS), "kernel": platform.release().split("-")[0],
            "load": LOAD_BEFORE}


def revision():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, check=False, capture_output=True,
                          text=True)
    return done.stdout.strip() or "unknown"


def bench(arguments):
    """The rows, and what there is to say of them."""
    with House() as house:
        rows = Rows(house, arguments.rows)
        samples = measure_rounds(rows, arguments)
    summary = report.summarize(samples)
    result = {**surroundings(arguments), "shapes": list(map(report.shape_name, arguments.shapes)), "rows": summary,
              "not_installed": rows.missing, "targets": report.verdicts(samples)}
    return result, report.table(result), True


def sweep(arguments):
    """The sweeps, and what there is to say of them; False when one is not as it must be on any machine."""
    result, lines, good = {**surroundings(arguments), "sweeps": {}}, [], True
    for name in arguments.sweep:
        table = SWEEPS[name](arguments, tell)
        tell("")
        result["sweeps"][name] = dataclasses.asdict(table)
        lines += report.sweep_table(table) + [""]
        good = good and not table.failed
    return result, lines, good


def surroundings(arguments):
    return {"date": datetime.date.today().isoformat(), "machine": machine(), "revision": revision(),
            "rounds": arguments.rounds, "seconds": arguments.seconds}


def say(lines):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as `| head` expects; nothing runs any more that is to be cleaned up
    print("\n".join(lines))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = read_arguments()
    if arguments.markdown:
        results = [json.loads(pathlib.Path(file).read_text()) for file in arguments.markdown]
        say(report.markdown(results))
        return 0
    try:
        result, lines, good = sweep(arguments) if arguments.sweep else bench(arguments)
    except (WrongAnswer, NotStarted) as failure:
        tell("")
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        tell("")
        return 130
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(result, indent=1) + "\n")
    say(textwrap.wrap(report.conditions(result), 120) + lines)
    return 0 if good else 1
