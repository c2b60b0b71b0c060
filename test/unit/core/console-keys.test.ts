// The keys behind Ctrl-A on the simulated machine: what each does, what is refused, and whose lines are shown.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { assertEnd, assertNoLine } from "./assertions.ts";
import { externalInterrupt, hlt, listed, vmcall, type Script } from "./machine/exits.ts";
import { boot, type MachineOptions, type Run } from "./machine/machine.ts";
import type { PortBytes } from "./machine/ports.ts";
import { vcpuPage } from "./machine/tables.ts";
import type { VcpuPageView } from "./machine/vcpu-page.ts";
import { SerialPort } from "./machine/serial-port.ts";
import { test } from "./vendors.ts";

const DATA_READY = 1;
const FRAMING_ERROR = 8;
const TRANSMITTER_EMPTY = 0x60;
const SCRATCH = 7;
/** COM1's line status. */
const LINE_STATUS_PORT = 0x3fd;
/** Longer than core waits between two looks at what was typed. */
const SLICE = 5n << 20n;

/** Ctrl-A. */
const A = "\x01";

/** COM1, at whose other end somebody types. */
class Typed extends SerialPort {
  looks = 0;
  /** Core looks at the line once before it asks for anything, to see whether COM1 is there. */
  #isSetUp = false;
  readonly #keys: number[];
  readonly #errors: number;

  constructor(keys: string, errors = 0) {
    super();
    this.#keys = [...Buffer.from(keys, "latin1")];
    this.#errors = errors;
  }

  override read(offset: number, bytes: PortBytes): number {
    this.#isSetUp ||= offset === SCRATCH;
    if (!this.#isSetUp || offset === SCRATCH) return super.read(offset, bytes);
    if (offset === 0) return this.#keys.shift() ?? 0;
    if (offset !== 5) return 0;
    this.looks++;
    return TRANSMITTER_EMPTY | (this.#keys.length > 0 ? DATA_READY | this.#errors : 0);
  }
}

/** A guest with so many slices. */
function lasting(slices: number): Script {
  return function* () {
    for (let n = 0; n < slices; n++) yield externalInterrupt;
    yield vmcall;
  };
}

/** Runs VMs side by side, which last 20 slices each unless `slices` says more, while `keys` are typed. */
function typed(keys: string, vms = 2, options: MachineOptions = {}, slices: readonly number[] = [20]): Run {
  const device = new Typed(keys);
  return boot({
    commandLine: `guest=${Array<string>(vms).fill("count").join("+")}`,
    prepare: ({ ports }) => ports.attach(0x3f8, 8, device),
    scripts: slices.map(lasting),
    ticksBeforeInterrupt: SLICE,
    ...options,
  });
}

/** What the console answered. */
function answers(run: Run): string[] {
  return run.lines.flatMap((line) => /^basalt: console: (?!COM1|no COM1)(.*)$/.exec(line)?.[1] ?? []);
}

describe("behind Ctrl-A", () => {
  test("h and ? list the keys", () => {
    for (const key of ["h", "H", "?"]) {
      const run = typed(A + key);
      assertEnd(run, "ok");
      const lines = answers(run);
      assert.deepEqual(
        lines.slice(0, 8).map((line) => /^Ctrl-A (.) [a-z]/.exec(line)?.[1]),
        [..."hnpalsrk"],
      );
      assert.match(lines[8]!, /^Ctrl-A Ctrl-A is Ctrl-A for the VM/);
      assert.equal(lines.length, 9);
    }
  });

  test("n and p show the VMs in a ring, and a shows all", () => {
    const run = typed(`${A}n${A}n${A}n${A}p${A}a${A}p`, 3);
    assertEnd(run, "ok");
    const shown = answers(run).flatMap((line) => /^(vm\d)'s console is shown|^(all) VMs/.exec(line)?.slice(1) ?? []);
    assert.deepEqual(
      shown.filter((name) => name !== undefined),
      ["vm0", "vm1", "vm2", "vm1", "all", "vm2"],
    );
  });

  test("l lists each VM with its CPU, its guest, its state, its ticks, and whether it is shown", () => {
    const run = typed(`${A}n${A}s${A}l${A}r`, 2);
    assertEnd(run, "ok");
    const [, , first, second] = answers(run);
    assert.match(first!, /^vm0: CPU 0, guest count, paused, ran \d+ ticks, shown$/);
    assert.match(second!, /^vm1: CPU 0, guest count, runs, ran \d+ ticks$/);
  });

  test("l tells what became of a VM that has ended, and that one of a later group has not started", () => {
    // It ends when its turn comes: a slice of the other VM's may be first.
    const run = typed(`${A}n${A}k${A}l${A}l`, 2, { commandLine: "guest=count+count,count" });
    assertEnd(run, "killed");
    const lines = answers(run);
    assert.ok(lines.some((line) => /^vm0: guest count, ended \(killed\), ran \d+ ticks$/.test(line)));
    assert.ok(lines.includes("vm2: guest count, not started, ran 0 ticks"));
  });

  test("s pauses the VM that is shown, others run meanwhile, and r resumes it", () => {
    const run = typed(`${A}n${A}s${A}l${A}l${A}r${A}a`, 2, {}, [20, 200]);
    assertEnd(run, "ok");
    const ticks = answers(run).flatMap((line) => /^(vm\d): CPU 0.* ran (\d+) ticks/.exec(line)?.slice(1) ?? []);
    assert.deepEqual([ticks[0], ticks[2], ticks[4], ticks[6]], ["vm0", "vm1", "vm0", "vm1"]);
    assert.equal(ticks[1], ticks[5], "vm0 does not run");
    assert.ok(Number(ticks[7]) > Number(ticks[3]), "vm1 runs");
    assert.ok(answers(run).includes("vm0 is resumed"));
    for (const vm of [0, 1]) assertEnd(run, "ok", new RegExp(`^basalt: vm${vm}: ended: ok, `));
  });

  test("k ends the VM that is shown, also a paused one, then all are shown again, and the others end well", () => {
    for (const keys of [`${A}n${A}k`, `${A}n${A}s${A}k`]) {
      const run = typed(keys);
      assertEnd(run, "killed", /^basalt: vm0: ended from outside$/, /^basalt: vm0: ended: killed, /);
      assertEnd(run, "killed", /^basalt: vm1: ended: ok, /);
      assert.deepEqual(answers(run).slice(-2), ["vm0 is told to end", "vm0 has ended: all VMs are shown"]);
    }
  });

  test("s, r and k of nobody ask for a choice, unless there is one VM only", () => {
    assert.deepEqual(
      answers(typed(`${A}s${A}r${A}k`)),
      Array<string>(3).fill("all VMs are shown; choose one first, by Ctrl-A n"),
    );
    const run = typed(`${A}s${A}r${A}k`, 1);
    assertEnd(run, "killed");
    assert.deepEqual(answers(run), ["vm0 is paused; Ctrl-A r resumes it", "vm0 is resumed", "vm0 is told to end"]);
  });

  test("another key is named, and h with it", () => {
    assert.deepEqual(answers(typed(`${A}q${A}\x07`)), [
      "Ctrl-A q does nothing; Ctrl-A h lists the keys that do",
      "Ctrl-A 0x07 does nothing; Ctrl-A h lists the keys that do",
    ]);
  });

  test("answers come at every log level", () => {
    const run = typed(`${A}n`, 2, { commandLine: "guest=count+count quiet" }, [20, 60]);
    assert.deepEqual(answers(run), ["vm0's console is shown; Ctrl-A a shows all", "vm0 has ended: all VMs are shown"]);
  });
});

describe("while one VM's console is shown", () => {
  test("other VMs' lines are not printed, errors of theirs are, and Basalt's own", () => {
    const tripleFaulting: Script = function* () {
      for (let n = 0; n < 10; n++) yield externalInterrupt;
      yield { reason: 2 };
    };
    const run = typed(`${A}n`, 2, { scripts: [lasting(60), tripleFaulting] });
    assertEnd(run, "triple-fault", /^basalt: error: vm1: /, /^basalt: vm0: ended: ok, /, /switches between VMs/);
    assertNoLine(run, /^basalt: vm1: (ended|ran|exit)/);
  });

  test("they are printed again from its end on", () => {
    const run = typed(`${A}n`, 2, {}, [10, 60]);
    assertEnd(run, "ok", /^basalt: console: vm0 has ended: all VMs are shown$/, /^basalt: vm1: ended: ok, /);
  });
});

describe("what is typed without Ctrl-A", () => {
  test("is said once to go nowhere while no VM is chosen of several", () => {
    const lines = answers(typed(`ab${A}n`));
    assert.match(lines[0]!, /^what is typed is for the VM whose console is shown; Ctrl-A n shows one/);
    assert.match(lines[1]!, /^vm0's console is shown/);
    assert.equal(lines.length, 2);
  });

  test("is said once to go nowhere where the VM has no machine of its own", () => {
    assert.deepEqual(answers(typed("abcd", 1, { commandLine: "guest=mirror" })), [
      "no device of vm0 takes input; Ctrl-A h lists the keys that do something",
    ]);
  });

  for (const vms of [1, 2]) {
    test(`comes to the vmm of the VM that is shown, or of the only one: ${vms} VMs`, () => {
      const inputs: string[] = [];
      const keys = vms === 1 ? `ls${A}${A}\r` : `${A}nls${A}${A}\r`;
      const answer = (page: VcpuPageView): number | null => {
        if (page.get("exitKind") !== BigInt(vcpuPage("EXIT_INPUT"))) return null;
        inputs.push(page.input);
        return vcpuPage("ANSWER_RESUME");
      };
      assertEnd(typed(keys, vms, { answer }), "ok");
      assert.deepEqual(inputs, ["ls\x01\r"]);
    });
  }

  test("is given bit by bit as the device takes it, in order, and none twice", () => {
    const inputs: string[] = [];
    const answer = (page: VcpuPageView): number | null => {
      if (page.get("exitKind") !== BigInt(vcpuPage("EXIT_INPUT"))) return null;
      const taken = inputs.length % 4;
      inputs.push(page.input.slice(0, taken));
      page.set("inputLength", BigInt(taken));
      return vcpuPage("ANSWER_RESUME");
    };
    const text = "the quick brown fox jumps over the lazy dog";
    assertEnd(typed(text, 1, { answer }, [80]), "ok");
    assert.equal(inputs.join(""), text);
  });

  test("comes to a guest in HLT whose device had no room when it ran last, and has been read since", () => {
    const rooms = [1n, 0n, 1n];
    let given = "";
    const answer = (page: VcpuPageView): number | null => {
      if (page.get("exitKind") === BigInt(vcpuPage("EXIT_HALT"))) return vcpuPage("ANSWER_RESUME");
      if (page.get("exitKind") !== BigInt(vcpuPage("EXIT_INPUT"))) return null;
      const room = rooms.shift() ?? 0n;
      given += page.input.slice(0, Number(room));
      page.set("inputLength", room);
      if (rooms.length === 0) page.set("waitingInterrupt", BigInt(vcpuPage("INTERRUPT_WAITS")) | 0x24n);
      return vcpuPage("ANSWER_RESUME");
    };
    const halted = { ...hlt, fields: { GUEST_RFLAGS: 0x202n } };
    const run = typed("ab", 1, { answer, scripts: [listed(externalInterrupt, halted, vmcall)] });
    assertEnd(run, "ok");
    assert.equal(given, "ab");
  });

  test("is lost with one warning where the guest does not read 256 bytes", () => {
    const answer = (page: VcpuPageView): number | null => {
      if (page.get("exitKind") !== BigInt(vcpuPage("EXIT_INPUT"))) return null;
      page.set("inputLength", 0n);
      return vcpuPage("ANSWER_RESUME");
    };
    const run = typed("x".repeat(300), 1, { answer }, [60]);
    assertEnd(run, "ok");
    assert.deepEqual(answers(run), [
      "vm0 has not read the last 256 bytes that were typed; what follows is lost until it reads",
    ]);
  });

  test("ends the VM, and it alone, where the vmm says that it took more than there was, or has no answer", () => {
    const taken: bigint[] = [];
    const greedy = (page: VcpuPageView): number | null => {
      if (page.get("exitKind") !== BigInt(vcpuPage("EXIT_INPUT"))) return null;
      taken.push(page.get("inputLength"));
      page.set("inputLength", 0xffff_ffffn);
      return vcpuPage("ANSWER_RESUME");
    };
    assertEnd(typed("ab", 1, { answer: greedy }), "ok");
    assert.deepEqual(taken, [2n], "what is beyond is not taken from what comes later");
    const silent = (page: VcpuPageView): number | null =>
      page.get("exitKind") === BigInt(vcpuPage("EXIT_INPUT")) ? vcpuPage("ANSWER_NOT_HANDLED") : null;
    assertEnd(
      typed("ab", 1, { answer: silent }),
      "vmm-answer-not-possible",
      /^basalt: error: vm0: the vmm has no answer to what was/,
    );
  });
});

describe("COM1", () => {
  test("is looked at once a slice while nobody types, and a byte that it damaged is dropped", () => {
    for (const errors of [0, FRAMING_ERROR]) {
      const device = new Typed(errors === 0 ? "" : "xyz", errors);
      const run = typed("", 1, { prepare: ({ ports }) => ports.attach(0x3f8, 8, device) });
      assertEnd(run, "ok");
      assert.deepEqual(answers(run), []);
      assert.ok(device.looks >= 19 && device.looks <= 22, `${device.looks} looks in 20 slices`);
    }
  });

  test("is left alone where there is none, and where a watch asks the host, and the keyboard is heard", () => {
    for (const options of [
      { hasSerial: false, keys: [0x0d] },
      { commandLine: "guest=count+count watch=1:30000-31000:nofetch:emulate" },
    ]) {
      const run = boot({
        commandLine: "guest=count+count",
        staleKeys: [1, 0x6e],
        scripts: [lasting(20)],
        ticksBeforeInterrupt: SLICE,
        ...options,
      });
      assertEnd(run, "ok");
      const looks = run.machine.ports.accesses.filter(({ port }) => port === LINE_STATUS_PORT);
      assert.equal(looks.length, 1, "core looks whether COM1 is there");
      assert.equal(answers(run)[0], "vm0's console is shown; Ctrl-A a shows all");
    }
  });
});
