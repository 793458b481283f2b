# SPDX-License-Identifier: Apache-2.0
"""Reads a history (history.py) and says which of the documented guarantees it breaks. Knows nothing of the implementation,
only what users are promised; what a fault makes possible (an update repeated because its acknowledgement may have been lost)
is no violation, what it does not excuse is. Each guarantee is one function that yields sentences."""
import bisect
import collections

FINAL = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE", "TASK_GONE_BY_OPERATOR"}
AWAY = {"TASK_LOST", "TASK_UNKNOWN", "TASK_UNREACHABLE"}
OF_AWARE = {"TASK_DROPPED", "TASK_GONE", "TASK_GONE_BY_OPERATOR", "TASK_UNKNOWN", "TASK_UNREACHABLE"}
NEVER_RAN = {"TASK_GONE", "TASK_DROPPED"}  # what master and agent call a task that never reached its agent
RANK = {"TASK_STAGING": 0, "TASK_STARTING": 1, "TASK_RUNNING": 2, "TASK_KILLING": 3}
ON_ITS_WAY = 10.0  # seconds that a message may be under way when nothing is wrong
LATE_ASK = 120.0   # seconds for which a system goes on sending what a program, gone since, had left with it
AFTERMATH = 5.0    # seconds after a fault in which connections may still be making up for it


class Story:
    """A history sorted by what it is about."""

    def __init__(self, lines):
        self.lines = sorted(lines, key=lambda line: line["t"])
        self.by_kind = collections.defaultdict(list)
        for line in self.lines:
            self.by_kind[line["kind"]].append(line)
        self.tasks = {}
        for launch in self.by_kind["launch"]:
            for task in launch["tasks"]:
                self.tasks[task["id"]] = {**task, "framework": launch["who"], "agent": launch["agent"], "t": launch["t"],
                                          "offer": launch["offer"]}
        self.updates, self.ran = self._of_task("update"), self._of_task("ran")
        self.kills, self.victims = self._of_task("kill"), self._of_task("victim")
        self.aware = {line["who"] for line in self.by_kind["start"] if line.get("aware")}
        self.faults = [(line["begun"], line["t"], line["what"], line["targets"]) for line in self.by_kind["fault"]]
        # A daemon that ended by itself is as far away as one that a fault has ended.
        self.faults += [(line["t"] - 0.5, line["t"], "exit", [line["what"]]) for line in self.by_kind["exit"]]
        self.machines = {line["id"]: line["what"] for line in self.by_kind["agent"]}
        named = {line["ip"]: line["what"] for line in self.by_kind["machine"]}
        self.subscribed = collections.defaultdict(list)
        for line in self.by_kind["subscribed"]:
            self.subscribed[line["who"]].append((line["t"], named.get(line["master"].split(":")[0])))
        self.all_machines = {name for *_, targets in self.faults for name in targets}

    def _of_task(self, kind):
        found = collections.defaultdict(list)
        for line in self.by_kind[kind]:
            found[line["task"]].append(line)
        return found

    def really(self, task, what):
        """When it did, by its own account; None: it never did."""
        return next((line["t"] for line in self.ran[task] if line["what"] == what), None)

    def path(self, line):
        """The machines between a framework and the agent of this line: itself, its master's, the agent's. What has no name in
        the history might be any of them."""
        agent, masters = self.machines.get(line.get("agent")), self.subscribed[line["who"]]
        master = masters[bisect.bisect(masters, (line["t"], "~")) - 1][1] if masters else None
        return {line["who"]} | {m for m in self.all_machines if m == master or m == agent or
                                not master and m[0] == "m" or not agent and m[0] == "a"}

    def troubled(self, begin, end, machines):
        """Seconds between these times in which some fault lasted there or was still being made up for."""
        marks = sorted((max(begin, a), min(end, b + AFTERMATH)) for a, b, _, targets in self.faults
                       if a < end and b + AFTERMATH > begin and not machines.isdisjoint(targets))
        total, last = 0.0, begin
        for a, b in marks:
            total += max(0.0, b - max(a, last))
            last = max(last, b)
        return total


def run_once(story):
    """A task runs at most once."""
    for task in story.tasks:
        starts = [line["t"] for line in story.ran[task] if line["what"] == "start"]
        if len(starts) > 1:
            yield f"{task} was started {len(starts)} times, at {starts}"
    for task in story.ran:
        if task not in story.tasks:
            yield f"{task} ran and nobody launched it"


def final_is_final(story):
    """What was told to be over neither starts, nor goes on, nor ends in another way. A task that never reached
    its agent may be called so twice: by the master that refuses it, by the one that is asked after it, by the agent that has told
    an earlier master."""
    for task in story.tasks:
        over, rank, known = None, -1, set()
        started = story.really(task, "start")
        for update in story.updates[task]:
            state, uuid = update["state"], update.get("uuid")
            if state in FINAL:
                if over and over["state"] != state and (started or not {over["state"], state} <= NEVER_RAN):
                    yield f"{task} was told to be {over['state']} ({over.get('reason')}) and then {state} ({update.get('reason')})"
                over = over or update
            if uuid and uuid not in known:  # the agent's own stream: each for the first time, in order
                known.add(uuid)
                if RANK.get(state, 9) < rank:
                    yield f"{task} went back to {state}"
                rank = max(rank, RANK.get(state, 9))
        if over and started and started > over["t"]:
            yield f"{task} was told to be {over['state']} ({over.get('reason')}) and started {started - over['t']:.1f} s later"


def ends_are_told(story):
    """What really became of a task is what its framework knows in the end; a task that nothing happened to lives."""
    for task, info in story.tasks.items():
        states = [update["state"] for update in story.updates[task]]
        ended, started = story.really(task, "end"), story.really(task, "start")
        last = next((state for state in states if state in FINAL), states[-1] if states else None)
        if ended and not story.victims[task] and not story.kills[task]:
            wanted = "TASK_FAILED" if info["code"] else "TASK_FINISHED"
            if last != wanted:
                yield f"{task} ended by itself with {info['code']}, and its framework knows {last} instead of {wanted}"
        elif started and not ended:
            if last == "TASK_FINISHED":
                yield f"{task} never came to its end, and was told to be {last}"
            elif last == "TASK_KILLED" and not story.kills[task]:
                yield f"{task} was killed, and its framework had not asked for it"
            elif last not in ("TASK_KILLED", None) and not story.victims[task]:
                yield f"{task} was running and nothing had happened to it, yet it became {last}: {_why(story, task)}"
            elif last is None:
                yield f"{task} runs and its framework was never told anything"
        elif not started and last == "TASK_FINISHED":
            yield f"{task} was told to be finished and never ran"
        if (states or started) and last not in FINAL | AWAY:
            yield f"{task} never reached an end: its framework knows {last}"


def _why(story, task):
    return "; ".join(f"{u['state']} {u.get('source')} {u.get('reason')} {u.get('message', '')}" for u in story.updates[task][-3:])


def arrived(story):
    """What is known of acknowledgements that reached the agent, as (line of the update or its acknowledgement, time at which it
    surely had): those that no fault was near while they were on their way; and, whatever faults there were, those of updates that
    were followed by the task's next one, which an agent sends only then."""
    last, known = {}, {}
    for line in story.lines:
        key = line["who"], line.get("uuid")
        if line["kind"] == "acked" and key not in known:
            if not story.troubled(line["t"] - 1.0, line["t"] + 2.0, story.path(line)):
                known[key] = line["t"]
        elif line["kind"] == "update" and line.get("uuid"):
            before = last.get(line["task"], [])
            if key not in before:  # each for the first time, in the order of the agent's own stream
                last[line["task"]] = before + [key]
                for earlier in before:
                    known.setdefault(earlier, line["t"])
    return known


def acknowledged_is_done(story):
    """An update whose acknowledgement reached the agent is not sent again; copies that were sent before may still arrive, later
    by as much as faults held them up."""
    known = arrived(story)
    for line in story.by_kind["update"]:
        since = known.get((line["who"], line.get("uuid")))
        if since and line["t"] - since > ON_ITS_WAY + story.troubled(since, line["t"], story.path(line)):
            yield f"{line['task']}: {line['state']} was acknowledged and sent again {line['t'] - since:.1f} s later"


def reigns(story):
    """For each process of a master the spans of time in which it surely led: between two times that it said so."""
    spans, last = [], {}
    for line in story.by_kind["master"]:
        key = line["what"], line["pid"]
        if line["elected"]:
            if key in last and line["asked"] > last[key]:
                spans.append((last[key], line["asked"], key))
            last[key] = line["t"]
        else:
            last.pop(key, None)
    return spans


def one_leader(story):
    """No two masters lead at one time."""
    current = []
    for begin, end, key in sorted(reigns(story)):
        current = [span for span in current if span[1] > begin]
        for _, other_end, other in current:
            if other != key and min(end, other_end) - begin > 0.001:
                yield f"{other} and {key} both led for {min(end, other_end) - begin:.3f} s at {begin:.3f}"
        current.append((begin, end, key))


def one_writer(story):
    """Each reign writes the registry alone: whoever raised the epoch last, until the next one does."""
    epoch, owner = None, None
    for line in sorted(story.by_kind["registry"], key=lambda line: line["zxid"]):
        if line["epoch"] is not None:
            if epoch is not None and line["epoch"] <= epoch:
                yield f"the registry's epoch went from {epoch} to {line['epoch']}"
            epoch, owner = line["epoch"], line["session"]
        elif owner is not None and line["session"] != owner:
            yield f"session {line['session']:#x} wrote {line['path']} in epoch {epoch}, which is {owner:#x}'s"


def nothing_twice(story):
    """What is offered and what runs on an agent is never more than it has. Only what surely was so counts: an offer whose
    tasks then ran, up to the launch; a task from its launch to the first sign of its end."""
    total = next((line["agents"] for line in story.by_kind["total"]), None)
    offers = {line["offer"]: line for line in story.by_kind["offer"]}
    steps, counted = collections.defaultdict(list), set()

    def holds(agent, what, begin, end, amount):
        if total and end > begin:
            steps[agent].append((begin, 1, what, amount))
            steps[agent].append((end, 0, what, amount))
    for task, info in story.tasks.items():
        started = story.really(task, "start")
        if not started:
            continue
        signs = [story.really(task, what) for what in ("end", "killed")]
        signs += [line["t"] for group in (story.kills, story.victims) for line in group[task]]
        signs += [u["t"] for u in story.updates[task] if u["state"] in FINAL | AWAY]
        holds(info["agent"], task, info["t"], min([s for s in signs if s] or [started]), {k: info[k] for k in ("cpus", "mem")})
        offer = offers.get(info["offer"])
        if offer and offer["offer"] not in counted:
            counted.add(offer["offer"])
            holds(info["agent"], "offer " + offer["offer"], offer["t"], info["t"], offer["resources"])
    for agent, list_ in steps.items():
        held = {}
        for at, begins, what, amount in sorted(list_, key=lambda step: step[:2]):
            held.pop(what, None) if not begins else held.update({what: amount})
            for name, most in total.items():
                used = sum(amount.get(name, 0) for amount in held.values())
                if used > most + 0.001:
                    yield f"{used:.3f} {name} of the {most} on {agent} are in use or offered at {at:.3f}: {sorted(held)}"
    for line in story.by_kind["books"]:
        for agent, sums in line["agents"].items():
            if sums["tasks"] + sums["offers"] > sums["total"] + 0.001:
                yield f"{line['what']} gives away {sums['tasks']} + {sums['offers']} of {sums['total']} cpus of {agent}"


def books_are_equal(story):
    """Once quiet, master and agents agree, and everything can be ended."""
    for line in story.by_kind["quiet"]:
        if not line["equal"]:
            yield "the books differ after all was quiet: " + "; ".join(line["why"][:6])
    for line in story.by_kind["ended"]:
        if not line["drained"]:
            left = [task for task in story.tasks if not any(u["state"] in FINAL for u in story.updates[task])]
            yield f"the frameworks could not end all their tasks: {left[:8]}"


def nobody_falls(story):
    """Daemons end by faults, or because they may lead no more; nothing else brings them down."""
    full = [(a, b, names) for a, b, what, names in story.faults if what in ("FullDisk", "DieFull")]
    for line in story.by_kind["exit"]:
        who, code = line["what"], line["code"]
        if line["held"] or who.startswith("z"):
            continue
        if who.startswith("m") and code >= 0:
            continue
        if any(a <= line["t"] <= b + AFTERMATH and who in names for a, b, names in full) and code >= 0:
            continue
        yield f"{who} ended by itself with {code}: {line['tail'][-3:]}"


def unanswered_asks(story):
    """For each framework the times of subscriptions that it gave up, or died over: each may still be under way, and come when it
    has subscribed otherwise. It takes over then, as any that comes later does; nobody can know that it is the older one."""
    asks = collections.defaultdict(list)
    for line in story.lines:
        if line["kind"] == "ask":
            asks[line["who"]].append(line["t"])
        elif line["kind"] == "answered" and asks[line["who"]]:
            asks[line["who"]].pop()
    return asks


def each_is_told_what_it_knows(story):
    """Frameworks that know partitions hear of them in their own words, the others only TASK_LOST; nobody is turned away."""
    for task, info in story.tasks.items():
        for update in story.updates[task]:
            aware, state = info["framework"] in story.aware, update["state"]
            if aware and state == "TASK_LOST" or not aware and state in OF_AWARE:
                yield f"{info['framework']} was told {state} of {task} ({update.get('reason')}), which it does not know"
    unanswered = unanswered_asks(story)
    for line in story.by_kind["error"]:
        late = [ask for ask in unanswered[line["who"]] if 0 < line["t"] - ask < LATE_ASK]
        if line["message"] == "Framework failed over" and late:
            unanswered[line["who"]].remove(late[0])
            continue
        yield f"{line['who']} was told an error: {line['message']}"
    for line in story.by_kind["refused"]:
        yield f"{line['who']} was refused with {line['status']}: {line['text'][:200]}"


def agents_keep_their_names(story):
    """An agent that comes back is the one that it was."""
    ids = {agent for line in story.by_kind["books"] for agent in line["agents"]}
    count = next((line["count"] for line in story.by_kind["total"]), None)
    if count is not None and len(ids) > count:
        yield f"{count} agents had {len(ids)} ids: {sorted(ids)}"


GUARANTEES = (run_once, final_is_final, ends_are_told, acknowledged_is_done, one_leader, one_writer, nothing_twice, books_are_equal,
              nobody_falls, each_is_told_what_it_knows, agents_keep_their_names)


def check(lines):
    story = Story(lines)
    return [f"{guarantee.__name__}: {sentence}" for guarantee in GUARANTEES for sentence in guarantee(story)]


def figures(lines):
    story = Story(lines)
    calm = sum(1 for line in story.by_kind["acked"] if not story.troubled(line["t"] - 1.0, line["t"] + 2.0, story.path(line)))
    return {"faults": len(story.by_kind["fault"]), "tasks": len(story.tasks), "ran": sum(1 for task in story.tasks if story.really(task, "start")),
            "updates": len(story.by_kind["update"]), "calm_acks": calm, "sure_acks": len(arrived(story)), "offers": len(story.by_kind["offer"]),
            "leaders": len({key for _, _, key in reigns(story)}), "lines": len(story.lines)}
