# SPDX-License-Identifier: Apache-2.0
"""Answers compared with recorded ones field by field: member names, their order, types and nesting, in JSON and protobuf.

Differences that are meant stand in tests/facts/differences.tsv: where (folder/exchange of the recording, or any name that
the test gives; * matches anything), what (as compare() words it; * matches anything), reason. A difference that is not
declared there fails, and so does one that is declared and does not show any more:

    with Differences("07-legacy-endpoints/") as differences:
        differences.compare("07-legacy-endpoints/012-client-master-GET-state", ours, theirs)
"""
import fnmatch
import os
import struct

FACTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "facts")


# ---- shapes ----

def kind(value):
    if isinstance(value, bool):
        return "bool"
    if value is None:
        return "null"
    return {dict: "object", list: "array", str: "string", int: "integer", float: "number"}[type(value)]


def merge(values):
    """One shape for all elements of a list: an object with every member that any of them has."""
    objects = [v for v in values if isinstance(v, dict)]
    if not objects or len(objects) != len(values):
        return values[0] if values else None
    names = []
    for value in objects:  # members keep their order, those that only some have stand where they stood
        at = 0
        for name in value:
            if name in names:
                at = names.index(name) + 1
            else:
                names.insert(at, name)
                at += 1
    return {name: fold([v[name] for v in objects if name in v]) for name in names}


def fold(values):
    """Of several values for one member: lists are joined, so that their elements are compared all together."""
    if all(isinstance(v, list) for v in values):
        return [e for v in values for e in v]
    return merge(values) if all(isinstance(v, dict) for v in values) else values[0]


def compare(ours, theirs, path="", free=()):
    """Every difference in words. free: paths of objects whose member names are data (maps), compared by their values."""
    where = path or "."
    if kind(ours) != kind(theirs):
        return [f"{where} is {kind(ours)}, recorded {kind(theirs)}"]
    if isinstance(ours, list):
        if not ours or not theirs:
            return []  # nothing to compare elements with
        return compare(merge(ours), merge(theirs), path + "[]", free)
    if not isinstance(ours, dict):
        return []
    if any(fnmatch.fnmatchcase(where, f) for f in free):
        if not ours or not theirs:
            return []
        return compare(merge(list(ours.values())), merge(list(theirs.values())), path + ".*", free)
    dot = path + "." if path else ""
    found = [f"{dot}{name} missing" for name in theirs if name not in ours]
    found += [f"{dot}{name} extra" for name in ours if name not in theirs]
    common_ours = [n for n in ours if n in theirs]
    common_theirs = [n for n in theirs if n in ours]
    if common_ours != common_theirs:
        found.append(f"{where} has members in the order {','.join(common_ours)}, recorded {','.join(common_theirs)}")
    for name in common_ours:
        found += compare(ours[name], theirs[name], dot + name, free)
    return found


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

    def __exit__(self, failure, *_):
        if failure:
            return
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
