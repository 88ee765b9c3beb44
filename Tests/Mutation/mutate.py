#!/usr/bin/env python3
"""Makes small wrong changes in a copy of the sources and lists those that no test notices.

The changes are in changes.txt, whose first lines explain the format. All of them are compiled into one build; the
environment variable MIRAGE_MUTATION activates one of them at run time. The copy is in .build-mutation/, so a release
product never contains a change.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = pathlib.Path(__file__).with_name("changes.txt")
COPY = ROOT / ".build-mutation" / "src"
BUILD = ROOT / ".build-mutation" / "build"
SWITCH = "Sources/MirageSupport/ActiveMutation.swift"
SWITCH_SOURCE = """import Glibc

/// Identifier of the change that is active in this process; empty for none.
package let activeMutation = getenv("MIRAGE_MUTATION").map { String(cString: $0) } ?? ""
"""
FIELDS = {"file", "tests", "gives", "form", "survives"}


class TableError(Exception):
    """A mistake in the table, with its place."""


class Change:
    """One entry of the table."""

    def __init__(self, id, line):
        self.id, self.line = id, line
        self.old, self.new, self.context = [], [], []
        self.fields = {}

    def fail(self, message):
        raise TableError(f"{TABLE.name}:{self.line}: {self.id}: {message}")

    def finish(self):
        for name in ("file", "tests", "gives"):
            if name not in self.fields:
                self.fail(f"has no '{name}:'")
        if not self.old:
            self.fail("has no line that begins with '-'")
        if self.fields.get("form", "expression") not in ("expression", "statement"):
            self.fail("'form:' is neither expression nor statement")
        self.file = self.fields["file"]
        self.module = self.file.split("/")[1]
        self.filters = self.fields["tests"].split()
        self.survives = self.fields.get("survives")
        self.isStatement = self.fields.get("form") == "statement"
        self.old, self.new, self.context = ("\n".join(lines) for lines in (self.old, self.new, self.context))

    def span(self, text):
        """The place of the original text, which must be unique in the file or in its context."""
        start, part = 0, text
        if self.context:
            if text.count(self.context) != 1:
                self.fail(f"its context occurs {text.count(self.context)} times in {self.file}, not once")
            start, part = text.index(self.context), self.context
        if part.count(self.old) != 1:
            where = "its context" if self.context else self.file
            self.fail(f"its original text occurs {part.count(self.old)} times in {where}, not once")
        start += part.index(self.old)
        return start, start + len(self.old)


def read_table():
    changes = []
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        if match := re.fullmatch(r"\[([a-z0-9-]+)\]", line):
            changes.append(Change(match[1], number))
            continue
        kind, text = line[:1], line[2:]
        if not changes:
            raise TableError(f"{TABLE.name}:{number}: a line before the first [id]")
        change = changes[-1]
        if kind == "-":
            change.old.append(text)
        elif kind == "+":
            change.new.append(text)
        elif kind == "@":
            change.context.append(text)
        elif (field := re.fullmatch(r"([a-z]+): (.+)", line)) and field[1] in FIELDS:
            change.fields[field[1]] = field[2]
        else:
            raise TableError(f"{TABLE.name}:{number}: not a line of an entry: {line}")
    for change in changes:
        change.finish()
    if len({change.id for change in changes}) < len(changes):
        raise TableError("two entries have the same id")
    return changes


def rewritten(text, changes):
    """The file's text with every change in it, each behind its condition."""
    places, errors = {}, []
    for change in changes:
        try:
            places.setdefault(change.span(text), []).append(change)
        except TableError as error:
            errors.append(str(error))
    if errors:
        raise TableError("\n".join(errors))
    ordered = sorted(places.items())
    for ((_, end), before), ((start, _), after) in zip(ordered, ordered[1:]):
        if start < end:
            after[0].fail(f"overlaps {before[0].id}")
    for (start, end), alternatives in reversed(ordered):
        result = text[start:end] if alternatives[0].isStatement else f"({text[start:end]})"
        for change in reversed(alternatives):
            condition = f'activeMutation == "{change.id}"'
            if change.isStatement:
                result = f"if {condition} {{ {change.new} }} else {{ {result} }}"
            else:
                result = f"({condition} ? ({change.new}) : {result})"
        text = text[:start] + result + text[end:]
    return text


def rewritten_files(changes):
    """The text with the changes in it of each file that the table names."""
    by_file, texts, errors = {}, {}, []
    for change in changes:
        by_file.setdefault(change.file, []).append(change)
    for name, of_file in by_file.items():
        try:
            if not (ROOT / name).is_file():
                of_file[0].fail(f"there is no file {name}")
            text = rewritten((ROOT / name).read_text(), of_file)
            if of_file[0].module != "MirageSupport" and "\nimport MirageSupport\n" not in "\n" + text:
                text = "import MirageSupport\n" + text
            texts[name] = text
        except TableError as error:
            errors.append(str(error))
    if errors:
        raise TableError("\n".join(errors))
    return texts


def make_copy(changes):
    """Brings the copy up to date; files that are the same already keep their dates, so that little is compiled again."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    contents = {name: ROOT / name for name in os.fsdecode(names).split("\0") if name and (ROOT / name).is_file()}
    contents = {name: path.read_bytes() for name, path in contents.items()}
    if (ROOT / "Package.resolved").is_file():
        contents["Package.resolved"] = (ROOT / "Package.resolved").read_bytes()
    contents[SWITCH] = SWITCH_SOURCE.encode()
    for name, text in rewritten_files(changes).items():
        contents[name] = text.encode()
    for name, content in contents.items():
        path = COPY / name
        if path.is_file() and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if (ROOT / name).exists() and os.access(ROOT / name, os.X_OK) else 0o644)
    for path in COPY.rglob("*"):
        if path.is_file() and str(path.relative_to(COPY)) not in contents:
            path.unlink()


def run(binary, filters, mutation, limit):
    """Runs the tests that the filters name. Returns whether they passed, and the output."""
    arguments = [binary, "--testing-library", "swift-testing", "--no-parallel"]
    for name in filters:
        arguments += ["--filter", name]
    environment = {**os.environ, "MIRAGE_MUTATION": mutation}
    # What a changed program writes goes nowhere near the user's own cache.
    environment["XDG_CACHE_HOME"] = str(BUILD / "cache" / (mutation or "none"))
    try:
        result = subprocess.run(
            arguments, cwd=COPY, env=environment, timeout=limit, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired:
        return False, "timed out"
    return result.returncode == 0, result.stdout.decode(errors="replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="ids or modules to try, separated by spaces; default: all")
    parser.add_argument("--configuration", default="release", choices=["release", "debug"])
    parser.add_argument("--jobs", type=int, default=2, help="test processes at a time (default: 2)")
    parser.add_argument("--limit", type=float, default=120, help="seconds for the tests of a change (default: 120)")
    parser.add_argument("--build-only", action="store_true", help="build, and run no tests")
    parser.add_argument("--skip-build", action="store_true", help="run the tests of the last build")
    parser.add_argument("--check", action="store_true", help="check that the table fits the sources, and no more")
    parser.add_argument("--verbose", action="store_true", help="print the output of the tests of survivors")
    options = parser.parse_args()
    start = time.monotonic()
    changes = read_table()
    if options.check:
        rewritten_files(changes)
        print(f"{len(changes)} changes fit the sources")
        return 0
    if not options.skip_build:
        make_copy(changes)
        subprocess.run(
            ["swift", "build", "--build-tests", "-c", options.configuration, "--package-path", COPY, "--scratch-path",
             BUILD], check=True)
        print(f"Built in {time.monotonic() - start:.0f} s", flush=True)
    if options.build_only:
        return 0
    binary = BUILD / options.configuration / "MiragePackageTests.xctest"

    only = options.only.split()
    chosen = [change for change in changes if not only or change.id in only or change.module in only]
    if not chosen:
        raise TableError(f"no change is named {options.only}")
    # Without a change the tests pass, and each filter names some.
    for name in sorted({name for change in chosen for name in change.filters}):
        passed, output = run(binary, [name], "", options.limit)
        count = re.search(r"Test run with (\d+) tests?", output)
        if not passed or not count or count[1] == "0":
            print(output)
            raise TableError(f"without a change, the tests of the filter {name} do not pass, or there are none")

    survivors = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda change: run(binary, change.filters, change.id, options.limit), chosen)
        for change, (passed, output) in zip(chosen, results):
            print(f"{'SURVIVES' if passed else 'noticed '}  {change.id:24} {change.module}", flush=True)
            if passed:
                survivors.append(change)
                if options.verbose:
                    print(output)
            elif change.survives:
                print(f"  {change.id} is noticed now: remove its 'survives:'")
    if survivors:
        print("\nSurvivors:")
        for change in survivors:
            print(f"  {change.id}: {change.fields['gives']}\n    {change.survives or 'NOT EXPLAINED'}")
    modules = {}
    for change in chosen:
        modules[change.module] = modules.get(change.module, 0) + 1
    print("\n" + ", ".join(f"{name} {count}" for name, count in sorted(modules.items())))
    print(f"{len(chosen)} changes, {len(survivors)} survivors, {time.monotonic() - start:.0f} s")
    return 1 if any(not change.survives for change in survivors) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TableError as error:
        sys.exit(f"{error}")
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
