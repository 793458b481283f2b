# SPDX-License-Identifier: Apache-2.0
"""Answers compared with recorded ones field by field: member names, their order, types and nesting, in JSON and protobuf.

Differences that are meant stand in tests/facts/differences.tsv: where (folder/exchange of the recording, or any name that
the test gives; * matches anything), what (as compare() words it; * matches anything), reason. A difference that is not
declared there fails, and so does one that is declared and does not show any more:

    with Differences("07-legacy-endpoints/") as differences:
        differences.compare("07-legacy-endpoints/012-client-master-GET-state", ours, theirs)
"""
import fnmatch
import itertools
import os
import struct
from collections import Counter

FACTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "facts")


# ---- shapes ----

def kind(value):
    if isinstance(value, bool):
        return "bool"
    if value is None:
        return "null"
    return {dict: "object", list: "array", str: "string", int: "integer", float: "number"}[type(value)]


def contradictions(ours, theirs):
    """Pairs of members that stand in one order in all of our objects and in the other order in theirs."""
    def pairs(objects):
        return {pair for o in objects for pair in itertools.combinations(o, 2)}
    mine, recorded = pairs(ours), pairs(theirs)
    return sorted((a, b) for a, b in mine - recorded if (b, a) in recorded and (b, a) not in mine)


def compare_groups(ours, theirs, path, free):
    """Of all values that stand at one path: elements of lists are compared all together."""
    where = path or "."
    kinds, recorded = sorted({kind(v) for v in ours}), sorted({kind(v) for v in theirs})
    if path.endswith(".*") and set(kinds) & set(recorded) and not {"object", "array"} & {*kinds, *recorded}:
        return []  # values of a map may be of several kinds
    if kinds != recorded:
        return [f"{where} is {'/'.join(kinds)}, recorded {'/'.join(recorded)}"]
    if kinds == ["array"]:
        ours, theirs = [e for v in ours for e in v], [e for v in theirs for e in v]
        return compare_groups(ours, theirs, path + "[]", free) if ours and theirs else []
    if kinds != ["object"]:
        return []
    if any(fnmatch.fnmatchcase(where, f) for f in free):
        ours, theirs = [e for v in ours for e in v.values()], [e for v in theirs for e in v.values()]
        return compare_groups(ours, theirs, path + ".*", free) if ours and theirs else []
    dot = path + "." if path else ""
    names, their_names = dict.fromkeys(n for o in ours for n in o), dict.fromkeys(n for o in theirs for n in o)
    found = [f"{dot}{name} missing" for name in their_names if name not in names]
    found += [f"{dot}{name} extra" for name in names if name not in their_names]
    if contradictions(ours, theirs):
        found.append(f"{where} has members in the order {','.join(n for n in names if n in their_names)}, "
                     f"recorded {','.join(n for n in their_names if n in names)}")
    for name in names:
        if name in their_names:
            found += compare_groups([o[name] for o in ours if name in o], [o[name] for o in theirs if name in o],
                                    dot + name, free)
    return found


def compare(ours, theirs, free=()):
    """Every difference in words. free: paths of objects whose member names are data (maps), compared by their values."""
    return compare_groups([ours], [theirs], "", free)


def leaves(value, path="", free=()):
    """(path, value) of everything that is neither object nor list; lists are taken as sets."""
    if isinstance(value, dict):
        return [leaf for name, v in value.items() for leaf in leaves(v, f"{path}.{name}" if path else name, free)]
    if isinstance(value, list):
        return [leaf for v in value for leaf in leaves(v, path + "[]", free)]
    return [] if any(fnmatch.fnmatchcase(path, f) for f in free) else [(path, value)]


def compare_values(ours, theirs, free=()):
    """Every value that only one side has, in words. free: paths whose values differ from run to run."""
    ours, theirs = Counter(leaves(ours, free=free)), Counter(leaves(theirs, free=free))
    return ([f"{path} = {value!r} missing" for path, value in (theirs - ours)] +
            [f"{path} = {value!r} extra" for path, value in (ours - theirs)])


class Differences:
    """The rows of the table whose `where` begins with scope; leaving the block checks that all of them still show."""

    def __init__(self, scope):
        self.rows = []
        with open(os.path.join(FACTS, "differences.tsv"), encoding="utf-8") as table:
            for line in list(table)[1:]:
                where, what, reason = line.rstrip("\n").split("\t")
                assert reason, f"no reason for {where}: {what}"
                if where.startswith(scope):
                    self.rows.append((where, what))
        self.seen = set()
        self.undeclared = []

    def __enter__(self):
        return self

    def note(self, where, found):
        """Takes differences in words: declared ones are marked as seen."""
        for what in found:
            rows = [r for r in self.rows if fnmatch.fnmatchcase(where, r[0]) and fnmatch.fnmatchcase(what, r[1])]
            self.seen.update(rows)
            if not rows:
                self.undeclared.append(f"{where}\t{what}")

    def compare(self, where, ours, theirs, free=()):
        self.note(where, compare(ours, theirs, free=free))

    def compare_values(self, where, ours, theirs, free=()):
        self.note(where, compare_values(ours, theirs, free))

    def __exit__(self, failure, *_):
        if not failure:
            self.check()

    def check(self):
        stale = [f"{where}\t{what}" for where, what in self.rows if (where, what) not in self.seen]
        assert not self.undeclared, "differences from the recordings:\n" + "\n".join(self.undeclared)
        assert not stale, "declared differences that do not show any more:\n" + "\n".join(stale)


# ---- protobuf, by the recorded schema ----

class Schema:
    """Decodes bytes into dicts whose members stand in the order of the wire; unknown fields are named by number."""

    def __init__(self):
        self.fields = {}
        with open(os.path.join(FACTS, "wire", "fields.tsv"), encoding="utf-8") as table:
            for line in list(table)[1:]:
                package, message, number, label, type_, kind_, field = line.rstrip("\n").split("\t")[:7]
                self.fields.setdefault(f"{package}.{message}", {})[int(number)] = (field, label, type_, kind_)

    @staticmethod
    def _varint(data, at):
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value, at

    def _value(self, data, at, wire):
        if wire == 0:
            return self._varint(data, at)
        if wire == 1:
            return data[at:at + 8], at + 8
        if wire == 5:
            return data[at:at + 4], at + 4
        assert wire == 2, f"wire type {wire}"
        length, at = self._varint(data, at)
        assert at + length <= len(data), "a length points past the end"
        return data[at:at + length], at + length

    def decode(self, message, data):
        result, at, fields = {}, 0, self.fields[message]
        while at < len(data):
            tag, at = self._varint(data, at)
            value, at = self._value(data, at, tag & 7)
            field, label, type_, kind_ = fields.get(tag >> 3, (f"#{tag >> 3}", "optional", "", ""))
            if kind_ == "message":
                value = self.decode(type_, value)
            elif type_ == "string":
                value = value.decode()
            elif type_ == "double":
                value = struct.unpack("<d", value)[0]
            elif isinstance(value, bytes):
                value = value.decode("latin1")
            elif type_ == "bool":
                value = bool(value)
            if label == "repeated":
                result.setdefault(field, []).append(value)
            else:
                result[field] = value
        return result
