"""One seed: clients, processes and faults in turns, each batch audited as soon as it stands in the journal."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from hashlib import sha256

import msgspec

from overspill.records.journal import Record
from overspill.runtime.outage import COMMIT_UNKNOWN
from overspill.runtime.waiting import Waiting
from overspill.step.commands import Capture, Preview, Reserve
from overspill.step.keys import Identified, identify
from overspill.words.codec import replace
from overspill.words.failures import Failure, StoreFailure
from overspill.words.instants import DAY
from simulator.auditor import Auditor
from simulator.beside import Payments, beside
from simulator.book import Finding
from simulator.chance import Chance
from simulator.clients import EXPECTED, Clients
from simulator.disk import Disk
from simulator.events import happen, restart
from simulator.faults import AT_STORE, Mix
from simulator.policies import CAPS, FINISH_STARTED
from simulator.process import Process
from simulator.purchases import tested_enough
from simulator.shown import told
from simulator.steps import ANSWERED, ASKED, ENDED, OPENED, PASSED, STORED, STRUCK, Steps
from simulator.store import Crash
from simulator.times import SimulatedTime

UNASKED = ("expire", "expire_lot", "top_up", "purchase", "unpaid")
"""What no client asks for: what ends by itself, and what became of a purchase."""
READ = frozenset(("consume", "reserve", "grant", "transfer"))
"""The kinds of commands whose answers tell a client what to ask next."""
HISTORY = 40
TURNS_TO_HEAL = 5000
COMPARED = 0.25
"""How many of the batches are followed by a look into the engine's own states; every start and every end is."""
_packed = msgspec.msgpack.Encoder().encode
_plain = msgspec.msgpack.Decoder().decode


class World:
    """Everything that one seed runs; `failed` is raised as Finding."""

    def __init__(self, seed: int) -> None:
        self.chance = Chance(seed)
        self.mix = Mix(self.chance)
        self.time = SimulatedTime()
        self.time.drift = self.mix.drift if "drift" in self.mix.enabled else 0
        self.disk = Disk()
        self.clients = Clients(self.chance)
        self.payments = Payments(self.chance)
        self.auditor = Auditor(CAPS, FINISH_STARTED)
        self.faults: Counter[str] = Counter()
        self.steps = Steps()
        self.history: deque[tuple[object, ...]] = deque(maxlen=HISTORY)
        self.digest = sha256()
        self.version = 1
        self.sent: dict[str, Identified] = {}
        self.acknowledged: dict[str, bytes] = {}
        self.promised: dict[str, dict[Process, bytes]] = {}
        """Answers of processes whose store is away: they are stored when it is back, unless the process is lost before. Two
        that cannot write know nothing of each other: of what both have granted the first that is back is kept."""
        self.answered: list[Identified] = []
        self.flying: list[Identified] = []
        """On their way: new follow-ups, and what is sent again because no reply came."""
        self.processes: list[Process | None] = [None] * self.mix.processes
        self.quiet = False
        self._until_fault = 1
        self._next_fault()

    # ---- faults at the store

    def _next_fault(self) -> None:
        self._until_fault = 1 + self.chance.randrange(2 * self.mix.store_every)

    def hazard(self, place: str) -> str | None:
        """What the store asks at every place."""
        if place == "written":
            self.steps[STORED] += 1
        self._until_fault -= 1
        if self._until_fault > 0 or self.quiet:
            return None
        self._next_fault()
        fault = self.chance.choice(AT_STORE[place])
        if fault not in self.mix.enabled:
            return None
        self.note(fault, place)
        self.steps[STRUCK] += 1
        if fault == "power_loss":
            self.lose_power()
            raise Crash
        if fault == "crash":
            self.disk.sync()
            raise Crash
        return fault

    def lose_power(self) -> None:
        fate = self.disk.lose_power(self.chance)
        if fate is not None:
            self.note(f"tail_{fate}")
        self.processes = [None] * len(self.processes)

    def note(self, fault: str, *more: object) -> None:
        self.faults[fault] += 1
        self.history.append(("fault", fault, *more))
        self.digest.update(fault.encode())

    # ---- running

    def run(self, steps: int) -> None:
        """So many steps, then all heals and is drained. Raises Finding."""
        if self.time.drift:
            self.note("drift")
        while self.steps.total() < steps:
            self._pass(self.chance.choice(self.mix.gaps))
            if self.chance.random() < self.mix.event:
                happen(self)
            elif self.chance.random() < self.mix.beside:
                beside(self, self.payments)
            else:
                self._turn()
        self._drain()

    def _pass(self, length: int) -> None:
        self.time.passed += length
        self.steps[PASSED] += length > 0

    def _turn(self) -> None:
        number = 0
        if len(self.processes) > 1 and self.chance.random() < 0.5:
            number = 1
            self.note("other_process")
        count = 1
        if self.chance.random() < self.mix.batch:
            count = self.chance.randrange(2, 9)
            self.note("batch")
        self._deliver(number, [self._command() for _ in range(count)])

    def process(self, number: int) -> Process | None:
        """The process, started again where it is down; None when it does not come up."""
        process = self.processes[number]
        if process is None or process.store.dead:
            self.processes[number] = None
            try:
                process = Process(self.disk, self.hazard, self.time, self.version)
            except Crash:
                return None
            except StoreFailure as failure:
                if failure.code not in ("busy", "disk_full", "disk_error", "store_error", COMMIT_UNKNOWN):
                    raise Finding(f"the engine does not open: {failure}") from None
                return None
            self.processes[number] = process
            self.steps[OPENED] += 1
            self.catch_up()
            self._compare(process, list(self.auditor.accounts))
        return process

    def stamped(self, process: Process) -> int:
        """The instant of what the process writes next."""
        return max(self.time.passed + process.offset, self.auditor.at)

    def _deliver(self, number: int, commands: list[Identified]) -> None:
        process = self.process(number)
        if process is None:
            self.flying += commands
            return
        self.steps[ASKED] += len(commands)
        at = self.stamped(process)
        self.clients.expected_at = at
        for command in commands:
            if not isinstance(command.command, Preview):
                self.sent.setdefault(command.id, command)
            self.history.append(("ask", number, command.key[2], command.key[3], command.key[1], command.command))
        try:
            batch = process.run(commands)
        except Crash:
            if self.processes[number] is process:
                self.processes[number] = None
            self.flying += [one for one in commands if not isinstance(one.command, Preview)]
            self.audited(at)
            return
        records = self.audited(at)
        for waiting in batch:
            self._reply(process, waiting)
        self._remembered(process)
        if self.chance.random() < COMPARED:
            self._compare(process, {key.split("/", 1)[1] for record in records for key in record.effects})

    # ---- what is asked

    def _command(self) -> Identified:
        chance = self.chance
        if chance.random() < self.mix.sent_twice and self.answered:
            command = self._again()
        elif self.flying and chance.random() < 0.6:
            at = 0
            if "reordered" in self.mix.enabled and len(self.flying) > 1:
                at = chance.randrange(min(len(self.flying), 30))
                if at:
                    self.note("reordered")
            command = self.flying.pop(at)
        else:
            command = identify(self.clients.next())
        return command

    def _again(self) -> Identified:
        """What was answered before; now and then with another payload under its id."""
        command = self.chance.choice(self.answered)
        if isinstance(command.command, Capture) and self.chance.random() < 0.5 and "conflict" in self.mix.enabled:
            self.note("conflict")
            return identify(replace(command.command, meters={"tokens": 987_654}))
        self.note("sent_twice")
        return command

    # ---- what comes back

    def catch_up(self) -> list[Record]:
        """Audits what the journal has beyond what was audited."""
        place = self.disk.segment_at(self.auditor.seq + 1)
        records = self.auditor.read(self.disk.segments[place:], self.disk.forms.__getitem__)
        self.steps[ENDED] += sum([record.key[2] in UNASKED for record in records])
        return records

    def audited(self, at: int) -> list[Record]:
        records = self.catch_up()
        for record in records:
            if record.away is not None:
                self._kept_its_promise(record)
            elif record.at != at:
                raise Finding(f"record {record.seq} is stamped {record.at}, the clock of its process stands at {at}")
            sent = self.sent.get(record.id)
            if sent is None:
                if record.key[2] not in UNASKED:
                    raise Finding(f"nobody asked for record {record.seq}: {record.key}")
            elif bytes(record.command) != sent.payload:
                raise Finding(f"record {record.seq} is of another command than was sent: {record.command!r}")
        return records

    def _kept_its_promise(self, record: Record) -> None:
        """What is stored behind an outage is what was answered in it."""
        answers = [answer for process, answer in self.promised.pop(record.id, {}).items() if process in self.processes]
        if answers and bytes(record.answer) not in answers:
            raise Finding(f"{record.key} was granted as {answers} while the store was away, and is stored otherwise")

    def _remembered(self, process: Process) -> None:
        """A process that has written has stored first what it granted while the store was away."""
        if not process.is_away:
            forgotten = [
                id for id, given in self.promised.items() if process in given and id not in self.auditor.answers
            ]
            if forgotten:
                raise Finding(f"granted while the store was away, and forgotten: {forgotten}")

    def _reply(self, process: Process, waiting: Waiting) -> None:
        self.steps[ANSWERED] += 1
        command = waiting.command
        failure = waiting.failure
        if failure is not None:
            self._refused(command, failure)
            return
        answer = waiting.result().json
        if isinstance(command.command, Preview):
            self.digest.update(answer)
            return
        granted = process.is_away and command.id not in self.auditor.answers
        if granted:
            self.promised.setdefault(command.id, {})[process] = answer
        if not self.quiet and self.chance.random() < self.mix.reply_lost:
            self.note("reply_lost")
            self.flying.append(command)
            return
        if granted:
            return
        before = self.acknowledged.get(command.id)
        if command.fingerprint != self.sent[command.id].fingerprint:
            raise Finding(f"{command.key} was answered, though its id was used for another payload")
        if before is None:
            self.acknowledged[command.id] = answer
            self.answered.append(command)
            del self.answered[:-200]
            self._heard(command, answer)
        elif before != answer or not waiting.replayed:
            raise Finding(f"the answer to {command.key} has changed: {before!r}, {answer!r}")
        if self.auditor.answers.get(command.id) != answer:
            raise Finding(f"{command.key} was answered, the journal says otherwise")

    def _refused(self, command: Identified, failure: BaseException) -> None:
        assert isinstance(failure, Failure)
        self.digest.update(failure.code.encode())
        self.history.append(("refused", command.key[3], failure.code))
        conflicts = command.id in self.sent and command.fingerprint != self.sent[command.id].fingerprint
        if isinstance(failure, StoreFailure):
            if not conflicts and not isinstance(command.command, Preview):
                self.flying.append(command)
        elif conflicts and failure.code == "idempotency_conflict":
            return
        elif failure.code not in EXPECTED or conflicts:
            raise Finding(f"{command.key} was refused: {failure.code}: {failure}")
        elif command.id in self.auditor.answers:
            raise Finding(f"{command.key} was answered before and is refused now: {failure}")

    def _heard(self, command: Identified, answer: bytes) -> None:
        kind = command.key[2]
        if kind not in READ:
            return
        read = told(answer)
        if kind == "grant":
            self.clients.heard_of_lot(read.account, read.pool, read.lot)
        elif kind == "transfer":
            self.clients.heard_of_lot(read.to, read.pool, read.to_lot)
        elif read.outcome != "deny":
            account = "/".join(command.key[:2])
            self.clients.heard_of_request(account, read.hold.id if read.hold else read.decision)
            if kind == "reserve" and read.hold is not None:
                self.flying += [identify(one) for one in self.clients.follow_ups(account, read.hold.id)]

    def _compare(self, process: Process, names: list[str] | set[str]) -> None:
        """The states of a process that has seen the whole journal are its fold."""
        if process.combiner.states.head.seq != self.auditor.seq:
            return
        for name in sorted(names):
            state = process.combiner.states.of(f"default/{name}")
            difference = self.auditor.differs(name, _plain(_packed(state)))
            if difference is not None:
                raise Finding(f"the engine's {name} is not what the journal makes of it: {difference}")

    # ---- the end

    def _drain(self) -> None:
        """Everything heals: what is on its way arrives, holds end, nothing acknowledged is missing."""
        self.quiet, self.disk.full = True, False
        restart(self)
        for turn in itertools.count():
            if not self.flying:
                break
            if turn > TURNS_TO_HEAL:
                raise Finding(f"not answered when all is well again: {self.flying[:3]}")
            number = len(self.flying) % len(self.processes)
            self._deliver(number, [self.flying.pop() for _ in range(min(len(self.flying), 8))])
        self._pass(2 * DAY)
        for name in sorted(name for name in self.auditor.accounts if name.startswith("user/")):
            account = {"user": name.split("/")[1]}
            request = replace(self.clients.request(), account=account, fields={"product": "main"}, meters={"tokens": 1})
            request = replace(request, only=None, max_charge=None, at_least=None)
            command = identify(Reserve(tenant="default", request=request))
            self.sent[command.id] = command
            self._deliver(0, [command])
        for process in self.processes:
            if process is not None:
                process.combiner.states.catch_up()
                self._compare(process, list(self.auditor.accounts))
        tested_enough(self.auditor, self.auditor.accounts.keys())
        left = [hold for hold in self.auditor.holds.values() if hold.is_open and not hold.over]
        now = self.time.passed + self.processes[0].offset if self.processes[0] else 0
        late = [hold for hold in left if hold.expires_at <= now]
        if late:
            raise Finding(f"holds are open for ever: {late[:3]}")
        missing = [id for id in self.acknowledged if id not in self.auditor.answers]
        if missing:
            raise Finding(f"acknowledged and missing: {missing}")
        self.digest.update(self.auditor.hash)
