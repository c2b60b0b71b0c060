// The watch action emulate on the simulated machine: what the host line may ask of a stopped vCPU, and what is refused.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { parseRecord } from "../../../tools/emulate/record.ts";
import { assertEnd } from "./assertions.ts";
import { vmcall, type Exit } from "./machine/exits.ts";
import type { Guest } from "./machine/guest.ts";
import { boot, type Run } from "./machine/machine.ts";
import type { PortBytes } from "./machine/ports.ts";
import { SerialPort } from "./machine/serial-port.ts";
import { reason } from "./machine/tables.ts";
import { test } from "./vendors.ts";

type Script = (guest: Guest) => Generator<Exit>;

const WATCHED = 0x30000n;
const FETCH = 0x184n;
const TF = 1n << 8n;
const DATA_READY = 1;
const TRANSMITTER_EMPTY = 0x60;
const OVERRUN = 2;
const SCRATCH = 7;

/** COM1 with a host at its other end. */
class HostOfLine extends SerialPort {
  /** What the host sends; null: nothing comes for one look at the line status. */
  readonly #sent: (number | null)[];
  #errors: number;
  /** Core looks at the line once before it asks for anything, to see whether COM1 is there. */
  #isSetUp = false;

  constructor(sent: readonly (string | null)[], errors = 0) {
    super();
    this.#sent = sent.flatMap((text) => (text === null ? [null] : [...Buffer.from(text)]));
    this.#errors = errors;
  }

  override read(offset: number, bytes: PortBytes): number {
    this.#isSetUp ||= offset === SCRATCH;
    if (!this.#isSetUp || offset === SCRATCH) return super.read(offset, bytes);
    if (offset === 0) return this.#sent.shift() ?? 0;
    if (offset !== 5) return 0;
    if (this.#sent[0] === null) return this.#pause();
    const errors = this.#errors;
    this.#errors = 0;
    return TRANSMITTER_EMPTY | (this.#sent.length > 0 ? DATA_READY : 0) | errors;
  }

  #pause(): number {
    this.#sent.shift();
    return TRANSMITTER_EMPTY;
  }
}

function fetchAt(guest: Guest, physical = WATCHED): Exit {
  const fields = { GUEST_PHYSICAL_ADDRESS: physical, GUEST_LINEAR_ADDRESS: physical };
  return { reason: reason("EXIT_REASON_EPT_VIOLATION"), qualification: FETCH, rip: physical, fields };
}

/** Runs a guest that fetches from the watched page, while the host sends `commands`; then `script`. */
function held(commands: readonly (string | null)[], script: Script, errors = 0): Run {
  const host = new HostOfLine([null, ...commands], errors);
  return boot({
    commandLine: "guest=count watch=0:30000-31000:nofetch:emulate answer=3000",
    prepare: ({ ports }) => ports.attach(0x3f8, 8, host),
    scripts: [
      function* (guest) {
        yield fetchAt(guest);
        yield* script(guest);
      },
    ],
  });
}

const end: Script = function* () {
  yield vmcall;
};

/** What Basalt answered, "waits" included. */
function answers(run: Run): string[] {
  return run.lines.flatMap((line) => /^basalt: emulate: vm0: (.*)$/.exec(line)?.[1] ?? []);
}

describe("a vCPU that is held", () => {
  test("is described by a record that the host's reader takes", () => {
    const run = held(["stop\n"], end);
    assertEnd(run, "stopped-by-watch");
    const lines = run.lines.flatMap((line) => /^basalt: record: vm0: (.*)$/.exec(line)?.[1] ?? []);
    const { vm, access, gpa, registers } = parseRecord(lines);
    assert.deepEqual([vm, access, gpa, registers["rip"]], [0, 0x14, WATCHED, WATCHED]);
    assert.equal(registers["cs-rights"], 0xa09bn);
    assert.deepEqual(answers(run), ["waits", "ok stop"]);
  });

  test("does the access in a step with resume, and the page is armed again", () => {
    const run = held(["resume\r\n"], function* (guest) {
      assert.ok((guest.vmcs.get("GUEST_RFLAGS") & TF) !== 0n);
      yield {
        reason: reason("EXIT_REASON_EXCEPTION_OR_NMI"),
        qualification: 1n << 14n,
        rip: WATCHED + 5n,
        fields: { VM_EXIT_INTERRUPTION_INFORMATION: 0x80000301n },
      };
      assert.ok((guest.vmcs.get("GUEST_RFLAGS") & TF) === 0n);
      yield vmcall;
    });
    assertEnd(run, "ok", /nofetch:emulate: 1 accesses/);
  });

  test("goes on behind the instruction with skip, and in no step", () => {
    const run = held(["skip 0x5\n"], function* (guest) {
      assert.equal(guest.vmcs.get("GUEST_RIP"), WATCHED + 5n);
      assert.ok((guest.vmcs.get("GUEST_RFLAGS") & TF) === 0n);
      yield vmcall;
    });
    assertEnd(run, "ok");
  });

  test("goes on elsewhere when the host sets rip, and in no step", () => {
    const run = held(["set rip 0x20000\n", "resume\n"], function* (guest) {
      assert.equal(guest.vmcs.get("GUEST_RIP"), 0x20000n);
      assert.ok((guest.vmcs.get("GUEST_RFLAGS") & TF) === 0n);
      yield vmcall;
    });
    assertEnd(run, "ok");
  });

  test("goes on in no step with release", () => {
    const run = held(["release\n"], function* (guest) {
      assert.ok((guest.vmcs.get("GUEST_RFLAGS") & TF) === 0n);
      yield vmcall;
    });
    assertEnd(run, "ok");
  });

  test("has the registers that the host sets", () => {
    const commands = ["set rax 0x2b\n", "set rsp 0x1f000\n", "set r15 0xffffffffffffffff\n", "set rflags 0x246\n"];
    const run = held([...commands, "skip 0x1\n"], function* (guest) {
      assert.deepEqual([guest.registers.get("rax"), guest.registers.get("r15")], [0x2bn, 0xffffffffffffffffn]);
      assert.deepEqual([guest.vmcs.get("GUEST_RSP"), guest.vmcs.get("GUEST_RFLAGS")], [0x1f000n, 0x246n]);
      yield vmcall;
    });
    assertEnd(run, "ok");
    assert.deepEqual(answers(run), ["waits", ...commands.map((c) => `ok ${c.trim()}`), "ok skip"]);
  });

  test("has the bytes that the host writes, across pages and where nobody has touched RAM yet", () => {
    const commands = ["write 0x30ffe 0102f3f4\n", "write 0x9ffffe 0506\n", "read 0x30ffe 0x4\n", "read 0x9ffffd 0x4\n"];
    const run = held([...commands, "skip 0x1\n"], function* (guest) {
      assert.equal(guest.readQuad(0x30ffcn), 0xf4f302010000n);
      yield vmcall;
    });
    assertEnd(run, "ok");
    assert.deepEqual(answers(run).slice(3, 5), ["ok read 0x30ffe 0102f3f4", "ok read 0x9ffffd 00050600"]);
  });

  test("ends with a named result when the host is silent", () => {
    assertEnd(held([], end), "no-answer-to-watch", /error: vm0: a watch waited for the host line/);
  });

  test("does not wait longer for a line that never ends", () => {
    assertEnd(held(["x".repeat(5000)], end), "no-answer-to-watch");
  });

  test("drops what was sent before it stopped", () => {
    const host = new HostOfLine(["stop\n", null, "skip 0x1\n"]);
    const run = boot({
      commandLine: "guest=count quiet watch=0:30000-31000:nofetch:emulate answer=3000",
      prepare: ({ ports }) => ports.attach(0x3f8, 8, host),
      scripts: [
        function* (guest) {
          yield fetchAt(guest);
          yield vmcall;
        },
      ],
    });
    assertEnd(run, "ok");
    // Also with `quiet`, as a program reads it.
    assert.deepEqual(answers(run), ["waits", "ok skip"]);
  });
});

describe("the host line is refused", () => {
  for (const [command, sentence] of [
    ["", /^error: expected set REGISTER VALUE/],
    ["jump 0x1", /^error: expected set REGISTER VALUE/],
    ["resume now", /^error: expected set REGISTER VALUE/],
    ["set rax", /^error: expected set REGISTER VALUE/],
    ["set rax 12", /^error: expected set REGISTER VALUE/],
    ["set rax 0x", /^error: expected set REGISTER VALUE/],
    ["set rax 0x1g", /^error: expected set REGISTER VALUE/],
    ["set rax 0x11111111111111111", /^error: expected set REGISTER VALUE/],
    ["set rax 0x1 0x2", /^error: expected set REGISTER VALUE/],
    ["set cr3 0x1000", /^error: no such register can be set/],
    ["set rip 0x800000000000", /^error: rip must be canonical/],
    ["set rflags 0x20002", /^error: of rflags only/],
    ["skip 0x0", /^error: skip takes a length/],
    ["skip 0x10", /^error: skip takes a length/],
    ["read 0x1000 0x81", /^error: read takes a GPA/],
    ["read 0xfffff0 0x20", /^error: these bytes are not in this VM's RAM/],
    ["read 0xffffffffffffffff 0x10", /^error: these bytes are not in this VM's RAM/],
    ["write 0x1000000 00", /^error: these bytes are not in this VM's RAM/],
    ["write 0xfffffffffffffff0 00112233", /^error: these bytes are not in this VM's RAM/],
    ["write 0x1000 001", /^error: write takes a GPA and bytes/],
    ["write 0x1000 0g", /^error: write takes a GPA and bytes/],
    ["write 0x1000 00 00", /^error: write takes a GPA and bytes/],
    [`write 0x1000 ${"00".repeat(100)}`, /^error: a line has at most 200 bytes/],
  ] as const) {
    test(`${command.slice(0, 40)}: in one sentence, and the vCPU goes on waiting`, () => {
      const run = held([`${command}\n`, "stop\n"], end);
      assertEnd(run, "stopped-by-watch");
      const [, refusal = "", last] = answers(run);
      assert.match(refusal, sentence);
      assert.equal(last, "ok stop");
    });
  }

  test("where bytes of it were lost", () => {
    const run = held(["resume\n", "stop\n"], end, OVERRUN);
    assertEnd(run, "stopped-by-watch");
    assert.match(answers(run)[1] ?? "", /^error: bytes of the line were lost/);
  });

  test("as an action where there is no COM1", () => {
    const commandLine = "guest=count watch=0:30000-31000:nofetch:emulate end=halt";
    assertEnd(boot({ commandLine, hasSerial: false }), "bad-option", /this machine has no COM1 to ask/);
  });
});
