// The VM table, a boot module: what its VMs are, which mistakes are named, and that no table whatever makes core panic.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { elf, header1 } from "../vmm/kernel-images.ts";
import { assertEnd, assertNoLine, complaints } from "./assertions.ts";
import type { Module } from "./machine/boot-information.ts";
import { listed, type Exit, type Script } from "./machine/exits.ts";
import { interpreted, interruptedAt } from "./machine/interpreter.ts";
import { boot, type MachineOptions, type Run } from "./machine/machine.ts";
import { reason, vcpuPage } from "./machine/tables.ts";
import { exits, test } from "./vendors.ts";

const { RESERVED_NAMES } = (await import(new URL("../../../hv/shared/vm-names.ts", import.meta.url).href)) as {
  readonly RESERVED_NAMES: readonly string[];
};

const MIB = 1n << 20n;
const TABLE = 0x2000000n;
const KERNEL = 0x3000000n;
const kernel = elf(32, MIB + 12n, [{ physical: MIB, bytes: Buffer.concat([header1(3), Buffer.from("a kernel")]) }]);
const kernelModule: Module = { start: KERNEL, bytes: BigInt(kernel.length), commandLine: "the loader's words" };

/** OUT of 0 to the exit port. */
const exit: Exit = {
  reason: reason("EXIT_REASON_IO_INSTRUCTION"),
  instructionLength: 1,
  qualification: 0xf40003n,
  registers: { rax: 0n },
};

/** Boots with the table as boot module 1 and a kernel as boot module 2. */
function bootTable(table: string | Uint8Array, options: MachineOptions = {}): Run {
  const bytes = typeof table === "string" ? Buffer.from(table, "latin1") : table;
  return boot({
    commandLine: "",
    modules: [{ start: TABLE, bytes: BigInt(bytes.length), commandLine: "basalt-vms" }, kernelModule],
    prepare: ({ memory }) => {
      memory.write(TABLE, bytes);
      memory.write(KERNEL, kernel);
    },
    ...options,
  });
}

/** The guest's command line in the memory of a vmm. */
function commandLine(run: Run, vm: number): string {
  const { buffer } = run.machine.vmms.instances.get(vm)!.memory;
  const at = vcpuPage("VCPU_PAGE_IN_VMM") + vcpuPage("COMMAND_LINE_OFFSET");
  const text = Buffer.from(buffer, at, vcpuPage("COMMAND_LINE_CAPACITY")).toString("latin1");
  return text.slice(0, text.indexOf("\0"));
}

/** A table of three VMs with all that a line can say. */
const threeVms = [
  "# three VMs",
  "vm name=web guest=module:2 memory=64M cpu=0 weight=20 -- console=ttyS0  a=b",
  "",
  "  vm name=load guest=count iterations=7 memory=2M watch=30000-31000:nofetch:count watch=40000-41000:nowrite:log",
  "vm guest=hlt  cpu=any iterations=3 ticks=999999999999 weight=1 ",
].join("\n");

test("three VMs of a table run side by side, each with its own name, RAM, iterations and command line", () => {
  const run = bootTable(threeVms, {
    scripts: [listed(exit), interpreted, interpreted],
    commandLine: "iterations=9 watch=web:30000-31000:nowrite:count watch=2:30000-31000:noaccess:log",
  });
  assertEnd(
    run,
    "ok",
    /^basalt: web: vm0, guest module, 64 MiB of RAM$/,
    /^basalt: web: watch 0x30000-0x31000:nowrite:count: 0 accesses$/,
    /^basalt: load: vm1, guest count, 2 MiB of RAM$/,
    new RegExp(`^basalt: load${exits("cpuid", 7).source}`),
    /^basalt: load: watch 0x40000-0x41000:nowrite:log: 0 accesses$/,
    /^basalt: vm2: guest hlt, 16 MiB of RAM$/,
    new RegExp(`^basalt: vm2${exits("halt", 3).source}`),
    /^basalt: vm2: watch 0x30000-0x31000:noaccess:log: 0 accesses$/,
  );
  assert.equal(commandLine(run, 0), "console=ttyS0  a=b");
  assert.deepEqual(
    [0, 1, 2].map((vm) => run.machine.vmms.ramBytes(vm)),
    [64n * MIB, 2n * MIB, 16n * MIB],
  );
  // All are created before one ends: they are side by side.
  const lines = run.lines.map((line) => line.replace("basalt: ", ""));
  assert.ok(lines.indexOf("vm2: loaded guest hlt") < lines.findIndex((line) => /: ended: /.test(line)));
  for (const name of ["vm0", "vm1"]) assertNoLine(run, new RegExp(`^basalt: ${name}: `));
});

test("what a VM of the table does not say the boot options say, and the loader its command line", () => {
  const table = "vm name=a guest=module:2\nvm guest=module:2 --\nvm guest=count";
  const scripts = [listed(exit), listed(exit), interpreted];
  const run = bootTable(table, { scripts, commandLine: "memory=32M iterations=4 -- not this" });
  assertEnd(
    run,
    "ok",
    /basalt: a: vm0, guest module, 32 MiB of RAM/,
    /basalt: vm1: guest module, 32 MiB of RAM/,
    new RegExp(`vm2${exits("cpuid", 4).source}`),
  );
  assert.deepEqual([commandLine(run, 0), commandLine(run, 1)], ["the loader's words", ""]);
});

test("a VM's own time limit ends it, and those beside it go on", () => {
  const run = bootTable("vm name=short guest=count ticks=1\nvm name=long guest=count iterations=50", {
    commandLine: "",
    scripts: [interruptedAt([null, null, 0x10004n]), interpreted],
  });
  assertEnd(run, "time-limit", /^basalt: short: ended: time-limit/, /^basalt: long: ended: ok/);
});

test("lines that programs read have the VM's number, all others its name", () => {
  const fetch: Script = function* (guest) {
    const fields = { GUEST_PHYSICAL_ADDRESS: 0x30000n, GUEST_LINEAR_ADDRESS: 0x30000n };
    yield { reason: reason("EXIT_REASON_EPT_VIOLATION"), qualification: 0x184n, rip: guest.rip, fields };
  };
  const run = bootTable("vm name=a guest=hlt\nvm name=b guest=count watch=30000-31000:nofetch:dump", {
    scripts: [interpreted, fetch],
    commandLine: "iterations=2",
  });
  assertEnd(
    run,
    "stopped-by-watch",
    /^basalt: record: vm1: version 2 vm 1 vcpu 0 /,
    /^basalt: b: watch 0x30000-0x31000:nofetch:dump: fetch /,
  );
  assertNoLine(run, /^basalt: (vm[01]|record: [ab]): /);
});

test("sixteen VMs run, and the table may stand behind sixteen kernels", () => {
  const kernels = Array.from({ length: 16 }, (_, n) => ({ ...kernelModule, start: KERNEL + BigInt(n) * MIB }));
  const table = kernels.map((_, n) => `vm name=k${n} guest=module:${n + 1} memory=4M\n`).join("");
  const run = boot({
    modules: [...kernels, { start: TABLE, bytes: BigInt(table.length), commandLine: "basalt-vms" }],
    scripts: [listed(exit)],
    prepare: ({ memory }) => {
      memory.write(TABLE, Buffer.from(table));
      for (const { start } of kernels) memory.write(start, kernel);
    },
  });
  assertEnd(run, "ok", ...kernels.map((_, n) => new RegExp(`^basalt: k${n}: ended: ok`)));
});

describe("a VM table is refused by line and word, and none of its VMs runs:", () => {
  for (const [what, table, message] of [
    ["an unknown guest", "vm guest=nobody", /line 1: 'guest=nobody': no such guest; Basalt has hlt, count/],
    ["guest=mutate", "vm guest=mutate", /no such guest/],
    ["no guest", "vm name=a", /line 1: the line names no guest; expected guest=NAME/],
    ["another first word", "\n\nguest=hlt", /line 3: a line starts with the word vm/],
    ["an unknown option", "vm guest=hlt\nvm guest=hlt colour=red", /line 2: 'colour=red': expected name=, guest=/],
    ["a flag", "vm guest=hlt quiet", /'quiet': expected name=/],
    ["an option twice", "vm guest=hlt guest=count", /'guest=count': this line has said it already/],
    ["a long word", `vm guest=hlt ${"x".repeat(61)}`, /line 1: a word has more than 60 letters/],
    ["odd RAM", "vm guest=count memory=3M", /'memory=3M': expected an even number of MiB/],
    ["RAM without a unit", "vm guest=count memory=", /expected an even number of MiB/],
    ["RAM of a guest in Basalt's", "vm guest=mirror memory=4M", /runs in Basalt's own memory/],
    ["a CPU beyond 63", "vm guest=hlt cpu=64", /'cpu=64': expected any, or the number of a processor/],
    ["a CPU of words", "vm guest=hlt cpu=all", /expected any, or/],
    ["a weight of 0", "vm guest=hlt weight=0", /'weight=0': expected a number from 1 to 100/],
    ["a weight of 101", "vm guest=hlt weight=101", /expected a number from 1 to 100/],
    ["a weight of 2^32 + 1", "vm guest=hlt weight=4294967297", /expected a number from 1 to 100/],
    ["no iterations", "vm guest=hlt iterations=0", /'iterations=0': expected a number from 1/],
    ["no ticks", "vm guest=hlt ticks=", /'ticks=': expected a number from 1/],
    ["a VM's number in a watch", "vm guest=hlt watch=0:30000-31000:nofetch:log", /expected START-END:KIND:ACTION/],
    ["a wrong watch", "vm guest=hlt watch=30001-31000:nofetch:log", /multiples of 1000 hexadecimal/],
    [
      "watches that overlap",
      "vm guest=hlt watch=30000-32000:nofetch:log watch=31000-33000:nowrite:log",
      /this VM has a watch there already/,
    ],
    ["a command line of a built-in guest", "vm guest=hlt -- words", /only a boot module has a command line/],
    ["a long command line", `vm guest=module:2 -- ${"x".repeat(2049)}`, /command line has 2048 letters at most/],
    ["a module that is not there", "vm guest=module:3", /line 1: the boot loader gave no boot module of this number/],
    ["module 0", "vm guest=module:0", /a boot module has a number from 1 to 49/],
    ["itself as the guest", "vm guest=module", /the guest is this table itself/],
    ["two VMs of a name", "vm name=a guest=hlt\nvm name=a guest=hlt", /line 2: 'name=a': a line above has this name/],
    ["a name of none", "vm name= guest=hlt", /'name=': expected 1 to 16 of a to z/],
    ["a name that starts with a digit", "vm name=1a guest=hlt", /expected 1 to 16 of a to z/],
    ["a name in capitals", "vm name=Web guest=hlt", /expected 1 to 16 of a to z/],
    ["a name of 17 letters", `vm name=${"a".repeat(17)} guest=hlt`, /expected 1 to 16 of a to z/],
    ["a name that is a number's", "vm name=vm1 guest=hlt", /'name=vm1': vm and a number is what Basalt calls/],
    ["a letter beyond ASCII", "vm guest=hlt -- \xe9", /line 1: a byte is no printable ASCII/],
    ["a carriage return", "vm guest=hlt\r\n", /line 1: a byte is no printable ASCII/],
    ["a zero byte", "vm guest=hlt\n\0", /line 2: a byte is no printable ASCII/],
    ["nothing", "", /VM table \(boot module 1\): it describes no VM/],
    ["comments alone", "# nothing\n\n   # here", /it describes no VM/],
    ["17 VMs", "vm guest=hlt\n".repeat(17), /line 17: at most 16 VMs run in one boot/],
    ["more than 64 KiB", "#".repeat(65537), /it is too large; expected 64 KiB at most/],
  ] as const) {
    test(what, () => {
      const run = bootTable(table, { commandLine: "iterations=1" });
      assertEnd(run, "bad-option", message);
      assert.equal(complaints(run).length, 1, run.lines.join("\n"));
      assert.deepEqual(run.machine.trace, [], "nothing was done to the processor");
    });
  }

  for (const name of RESERVED_NAMES) {
    test(`the name ${name}`, () => {
      assertEnd(bootTable(`vm name=${name} guest=hlt`), "bad-option", /lines of Basalt's own begin with this word/);
    });
  }

  test("each of several lines is named, sixteen at most", () => {
    assert.equal(complaints(bootTable("vm guest=hlt\nvm guest=x\nvm cpu=any\nvm guest=hlt y\n")).length, 3);
    assert.equal(complaints(bootTable("x\n".repeat(999))).length, 16);
  });

  test("a place beyond the CPU's addresses", () => {
    const far = { start: 1n << 60n, bytes: 10n, commandLine: "basalt-vms" };
    assertEnd(boot({ modules: [far], loader: "pvh" }), "bad-option", /beyond this CPU's physical addresses/);
  });
});

test("a VM table and the boot option guest do not go together", () => {
  for (const guest of ["hlt", "mutate"]) {
    const run = bootTable("vm guest=count", { commandLine: `guest=${guest}` });
    assertEnd(run, "bad-option", /boot option 'guest': boot module 1 is a VM table, which names the guests/);
  }
});

test("two VM tables are refused", () => {
  const table = { start: TABLE, bytes: 12n, commandLine: "basalt-vms" };
  assertEnd(boot({ modules: [table, table] }), "bad-option", /two boot modules have the command line basalt-vms/);
});

test("a table is recognised by its command line only", () => {
  const run = boot({
    commandLine: "guest=hlt iterations=1",
    modules: [{ start: TABLE, bytes: 12n, commandLine: "basalt-vms " }],
    prepare: ({ memory }) => memory.write(TABLE, Buffer.from("vm guest=count")),
  });
  assertEnd(run, "ok", /vm0: guest hlt/);
});

describe("no mangled table makes core panic:", () => {
  let seed = 7;
  const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8;
  const endsAtOnce: Script = () => [{ reason: reason("EXIT_REASON_TRIPLE_FAULT") }][Symbol.iterator]();
  const words = threeVms.split(/\s+/);

  /** Boots it, and holds that it is refused with a sentence or all of its VMs run. */
  function hold(table: Uint8Array): void {
    const run = bootTable(table, { scripts: [endsAtOnce], commandLine: "memory=2M" });
    const printed = run.lines.join("\n");
    assert.ok(["bad-option", "triple-fault", "guest-not-loaded", "too-little-memory"].includes(run.name), printed);
    if (run.name === "bad-option") assert.notEqual(complaints(run).length, 0, printed);
    assert.ok(run.lines.every((line) => /^[ -~]*$/.test(line)));
  }

  test("bytes changed", () => {
    for (let n = 0; n < 150; n++) {
      const bytes = Buffer.from(threeVms);
      for (let changes = 1 + (random() % 4); changes > 0; changes--) bytes[random() % bytes.length] = random() & 0xff;
      hold(bytes);
    }
  });

  test("bytes of text changed, left out and cut off", () => {
    for (let n = 0; n < 150; n++) {
      const bytes = [...Buffer.from(threeVms)];
      bytes.splice(random() % bytes.length, random() % 5, 0x20 + (random() % 95));
      hold(Buffer.from(bytes.slice(0, random() % (bytes.length + 100))));
    }
  });

  test("words shuffled", () => {
    for (let n = 0; n < 150; n++) {
      const lines = Array.from({ length: 1 + (random() % 20) }, () =>
        ["vm", ...Array.from({ length: random() % 12 }, () => words[random() % words.length])].join(" "),
      );
      hold(Buffer.from(lines.join("\n")));
    }
  });

  test("64 KiB of anything", () => {
    for (const text of ["vm ", "x ", "\n", "vm guest=hlt ", "vm guest=hlt\n", "a", " ", "vm guest=module:2 -- x"]) {
      hold(Buffer.from(text.repeat(65536).slice(0, 65536)));
    }
    hold(Buffer.from(Array.from({ length: 65536 }, () => random() & 0xff)));
  });
});
