// Initrd and disk of a guest that is a boot module: where the vmm finds them, what they are refused for, and what they leave.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { elf, header1 } from "../vmm/kernel-images.ts";
import { assertEnd, complaints } from "./assertions.ts";
import { RAM, type Module } from "./machine/boot-information.ts";
import { listed, type Exit } from "./machine/exits.ts";
import { boot, type Machine, type MachineOptions, type Run } from "./machine/machine.ts";
import { reason, vcpuPage } from "./machine/tables.ts";
import { VcpuPageView } from "./machine/vcpu-page.ts";
import { test } from "./vendors.ts";

const MIB = 1n << 20n;
const WINDOW = BigInt(vcpuPage("MODULE_IN_VMM"));
const WINDOW_END = BigInt(vcpuPage("VCPU_PAGE_IN_VMM"));
const kernel = elf(32, MIB + 12n, [{ physical: MIB, bytes: Buffer.concat([header1(3), Buffer.from("a kernel")]) }]);
const initrdText = Buffer.from("070701 not really an archive");
const diskText = Buffer.alloc(8192, "a disk of sixteen sectors ");

const kernelModule: Module = { start: 0x3000000n, bytes: BigInt(kernel.length), commandLine: "kernel" };
const initrd: Module = { start: 0x3203000n, bytes: BigInt(initrdText.length), commandLine: "" };
const disk: Module = { start: 0x3405000n, bytes: BigInt(diskText.length), commandLine: "" };
const modules = [kernelModule, initrd, disk];

/** OUT of 0 to the exit port. */
const exit: Exit = {
  reason: reason("EXIT_REASON_IO_INSTRUCTION"),
  instructionLength: 1,
  qualification: 0xf40003n,
  registers: { rax: 0n },
};

function prepare({ memory }: Machine): void {
  memory.write(kernelModule.start, kernel);
  memory.write(initrd.start, initrdText);
  memory.write(disk.start, diskText);
}

function bootWith(commandLine: string, options: MachineOptions = {}): Run {
  return boot({ commandLine, modules, prepare, scripts: [listed(exit)], ...options });
}

/** Boots with a table as the last module, which is number 4. */
function bootTable(table: string, options: MachineOptions = {}): Run {
  const own: Module = { start: 0x5000000n, bytes: BigInt(table.length), commandLine: "basalt-vms" };
  return bootWith("", {
    modules: [...modules, own],
    prepare: (machine) => {
      prepare(machine);
      machine.memory.write(own.start, Buffer.from(table));
    },
    scripts: Array.from({ length: 3 }, () => listed(exit)),
    ...options,
  });
}

/** The fields of the vCPU page by which the vmm of VM `vm` finds its modules, and the memory that it has there. */
function told(run: Run, vm = 0) {
  const { buffer } = run.machine.vmms.instances.get(vm)!.memory;
  const page = new VcpuPageView(buffer, Number(WINDOW_END));
  const at = (address: string, bytes: string): Buffer =>
    Buffer.from(buffer, Number(page.get(address)), Number(page.get(bytes)));
  return {
    page,
    kernel: at("moduleAddress", "moduleBytes"),
    initrd: at("initrdAddress", "initrdBytes"),
    disk: at("diskAddress", "diskBytes"),
  };
}

test("the vmm has kernel, initrd and disk in its memory, each placed in 2 MiB as in physical memory", () => {
  for (const run of [
    bootWith("guest=module initrd=module:2 disk=module:3"),
    bootTable("vm guest=module:1 initrd=module:2 disk=module:3"),
    bootWith("guest=module initrd=module:2 disk=module:3", { loader: "pvh" }),
  ]) {
    assertEnd(run, "ok");
    const { page, ...files } = told(run);
    assert.deepEqual(files, { kernel: Buffer.from(kernel), initrd: initrdText, disk: diskText });
    assert.deepEqual(
      ["moduleAddress", "initrdAddress", "diskAddress"].map((name) => page.get(name)),
      [WINDOW, WINDOW + 2n * MIB + 0x3000n, WINDOW + 4n * MIB + 0x5000n],
    );
    assert.equal(page.get("diskIsReadOnly"), 0n);
  }
});

test("a VM without them is told of none, and one that only reads its disk is told that", () => {
  const run = bootTable("vm name=a guest=module:1\nvm name=b guest=module:1 disk=module:3:readonly");
  assertEnd(run, "ok");
  for (const name of ["initrdAddress", "initrdBytes", "diskAddress", "diskBytes", "diskIsReadOnly"]) {
    assert.equal(told(run, 0).page.get(name), 0n, name);
  }
  assert.equal(told(run, 1).page.get("diskIsReadOnly"), 1n);
  assert.deepEqual(told(run, 1).disk, diskText);
});

test("a vmm is told that its module is a flat binary where load=flat says so, and only there", () => {
  const run = bootTable("vm name=a guest=module:1 load=flat\nvm name=b guest=module:1");
  assertEnd(run, "ok");
  assert.deepEqual(
    [0, 1].map((vm) => told(run, vm).page.get("moduleIsFlat")),
    [1n, 0n],
  );
  const byOption = bootWith("guest=module load=flat");
  assertEnd(byOption, "ok");
  assert.equal(told(byOption).page.get("moduleIsFlat"), 1n);
  const withTable = bootTable("vm guest=module:1", { commandLine: "load=flat" });
  assertEnd(withTable, "ok");
  assert.equal(told(withTable).page.get("moduleIsFlat"), 1n, "what a VM does not say of itself the options say");
});

test("VMs share a kernel, an initrd and a disk that they only read", () => {
  const line = "guest=module:1 initrd=module:2 disk=module:3:readonly";
  const run = bootTable(`vm name=a ${line}\nvm name=b ${line}\n`);
  assertEnd(run, "ok");
  for (const vm of [0, 1]) assert.deepEqual([told(run, vm).initrd, told(run, vm).disk], [initrdText, diskText]);
});

test("what a vmm writes to its disk is in the module's memory", () => {
  let written = false;
  const run = bootWith("guest=module disk=module:3", {
    scripts: [
      function* () {
        const { machine } = current!;
        const { buffer } = machine.vmms.instances.get(0)!.memory;
        const page = new VcpuPageView(buffer, Number(WINDOW_END));
        Buffer.from(buffer, Number(page.get("diskAddress")), 512).fill(0x5a);
        written = Buffer.alloc(512, 0x5a).equals(machine.memory.read(disk.start, 512));
        yield exit;
      },
    ],
    prepare: (machine) => {
      current = { machine };
      prepare(machine);
    },
  });
  assertEnd(run, "ok");
  assert.ok(written);
  assert.ok(Buffer.alloc(512, 0x5a).equals(run.machine.memory.read(disk.start, 512)), "and stays there");
});
let current: { machine: Machine } | null = null;

describe("a RAM disk", () => {
  test("is as large as it is asked for, lies behind the modules in whole blocks, and is counted in what the VM takes", () => {
    const run = bootWith("guest=module initrd=module:2 disk=ram:64M loglevel=debug");
    assertEnd(run, "ok", /^basalt: vm0: guest module, 128 MiB of RAM, a RAM disk of 64 MiB$/);
    const { page, disk: bytes } = told(run);
    assert.deepEqual(
      [page.get("diskAddress"), page.get("diskBytes"), page.get("diskIsReadOnly")],
      [WINDOW + 4n * MIB, 64n * MIB, 0n],
    );
    assert.ok(bytes.every((byte) => byte === 0));
    const mappings = run.machine.vmms.mappings.get(0)!.filter(({ address }) => address >= WINDOW + 4n * MIB);
    assert.equal(mappings.filter(({ bytes: size }) => size === 2n * MIB).length, 32);
  });

  test("begins as zeroes in memory that was in use before", () => {
    const run = bootWith("guest=module disk=ram:4M repeat=2", {
      prepare: (machine) => {
        prepare(machine);
        machine.memory.write(0x1fc00000n, Buffer.alloc(0x200000, 0xff));
        machine.memory.write(0x1000000n, Buffer.alloc(0x1000000, 0xff));
      },
    });
    assert.equal(run.name, "ok");
    assert.ok(told(run).disk.every((byte) => byte === 0));
  });

  test("that is more than there is, is refused with what there is", () => {
    const run = bootWith("guest=module memory=64M disk=ram:600M");
    assertEnd(
      run,
      "too-little-memory",
      /vm0: too little memory: \d+ MiB are free; a VM takes 64 MiB of RAM, 600 MiB of RAM disk and 2 MiB for all else/,
    );
  });

  test("and modules that a VM has are given back when it ends, and when it could not be made", () => {
    const large = {
      memoryMap: [{ start: 0n, bytes: 1n << 33n, type: RAM }],
      commandLine: "guest=module initrd=module:2 disk=ram:16M memory=16M repeat=2",
    };
    assertEnd(bootWith(large.commandLine, large), "ok", /2 rounds left nothing behind/);
    let failed = 0;
    for (let call = 1; ; call++) {
      const run = bootWith("", { ...large, refuses: { service: "vmmMap", call } });
      assert.ok(
        run.lines.some((line) => /2 rounds left nothing behind/.test(line)),
        run.lines.slice(-6).join("\n"),
      );
      assert.equal(run.machine.vmms.mapped, 0);
      if (run.name === "ok") break;
      failed++;
    }
    assert.ok(failed >= 24, `${failed} calls`);
  });
});

describe("the boot options and the VM table refuse", () => {
  for (const [word, message] of [
    ["initrd=", /expected module:N, the number of a boot module/],
    ["initrd=2", /expected module:N, the number/],
    ["initrd=module:0", /a boot module has a number from 1 to 49/],
    ["initrd=module:50", /a boot module has a number from 1 to 49/],
    ["initrd=module:2:readonly", /a boot module has a number from 1 to 49/],
    ["disk=", /expected module:N, module:N:readonly or ram:SIZE/],
    ["disk=module", /expected module:N, module:N:readonly or ram:SIZE/],
    ["disk=module:", /a boot module has a number/],
    ["disk=module::readonly", /a boot module has a number/],
    ["disk=module:3:rw", /a boot module has a number/],
    ["disk=ram:", /expected an even number of MiB from ram:2M to ram:766M/],
    ["disk=ram:3M", /from ram:2M to ram:766M/],
    ["disk=ram:768M", /from ram:2M to ram:766M/],
    ["disk=ram:64", /from ram:2M to ram:766M/],
    ["load=", /expected flat; without load= the file itself says what it is/],
    ["load=elf", /expected flat; without load=/],
  ] as const) {
    test(word, () => {
      assertEnd(bootWith(`guest=module ${word}`), "bad-option", message);
      const run = bootTable(`vm guest=module:1 ${word}`);
      assertEnd(run, "bad-option", message);
      assert.equal(complaints(run).length, 1);
    });
  }
});

describe("a VM table is refused with", () => {
  for (const [what, table, message] of [
    [
      "an initrd that is not there",
      "vm guest=module:1 initrd=module:5",
      /line 1: the boot loader gave no .* for initrd=/,
    ],
    ["a disk that is not there", "vm guest=module:1 disk=module:9", /line 1: the boot loader gave no .* for disk=/],
    ["itself as the initrd", "vm guest=module:1 initrd=module:4", /line 1: the initrd is this table itself/],
    ["itself as a disk", "vm name=a guest=module:1 disk=module:4", /a: its disk, boot module 4, is the VM table/],
    ["a disk of a built-in guest", "vm guest=count disk=ram:2M", /only a boot module has an initrd and a disk/],
    ["a flat built-in guest", "vm guest=count load=flat", /only a boot module can be a flat binary; leave load= out/],
    ["a disk twice", "vm guest=module:1 disk=ram:2M disk=ram:2M", /this line has said it already/],
    [
      "a disk that is written and another VM's, too",
      "vm name=a guest=module:1 disk=module:3\nvm name=b guest=module:1 disk=module:3:readonly",
      /a: its disk, boot module 3, can be one VM's only, unless each has it as module:N:readonly; .* of b$/,
    ],
    [
      "a disk that is its VM's kernel",
      "vm name=a guest=module:1 disk=module:1:readonly",
      /a: its disk, boot module 1, is a kernel, too: that of a$/,
    ],
    [
      "a disk that is another VM's initrd",
      "vm name=a guest=module:1 disk=module:2:readonly\nvm name=b guest=module:1 initrd=module:2",
      /a: its disk, boot module 2, is an initrd, too: that of b$/,
    ],
  ] as const) {
    test(what, () => {
      const run = bootTable(table);
      assertEnd(run, "bad-option", message);
      assert.deepEqual(run.machine.trace, [], "nothing was done to the processor");
    });
  }

  test("two VMs of the boot options with one disk", () => {
    const run = bootWith("guest=module,module disk=module:3");
    assertEnd(run, "bad-option", /vm0: its disk, boot module 3, can be one VM's only/);
    assertEnd(bootWith("guest=module,module disk=module:3:readonly", { scripts: [listed(exit), listed(exit)] }), "ok");
    assertEnd(bootWith("guest=module,module disk=ram:2M", { scripts: [listed(exit), listed(exit)] }), "ok");
  });
});

describe("a VM is refused, and nothing is entered, whose", () => {
  const withModule = (n: number, change: Partial<Module>): readonly Module[] =>
    modules.map((module, i) => (i === n ? { ...module, ...change } : module));

  for (const [what, changed, commandLine, message] of [
    ["initrd is not there", modules, "initrd=module:4", /vm0: there is no boot module 4: the boot loader gave 3/],
    ["disk is not there", modules, "disk=module:4", /vm0: there is no boot module 4: the boot loader gave 3/],
    ["initrd is empty", withModule(1, { bytes: 0n }), "initrd=module:2", /boot module 2 is empty/],
    [
      "initrd is too large",
      withModule(1, { bytes: 129n * MIB }),
      "initrd=module:2",
      /boot module 2 is too large; expected 128 MiB at most/,
    ],
    ["disk has half a sector", withModule(2, { bytes: 8000n }), "disk=module:3", /no multiple of 512 bytes/],
    [
      "disk is too large",
      withModule(2, { bytes: 766n * MIB }),
      "disk=module:3:readonly",
      /kernel, initrd and disk take 769 MiB of the vmm's memory, as pieces of 2 MiB; expected 767 MiB at most/,
    ],
    [
      "RAM disk does not fit behind the modules",
      modules,
      "initrd=module:2 disk=ram:766M",
      /kernel, initrd and disk take 770 MiB/,
    ],
    ["disk lies in Basalt", withModule(2, { start: MIB }), "disk=module:3", /overlaps Basalt's image/],
    ["disk is not on a page", withModule(2, { start: disk.start + 4n }), "disk=module:3", /on a page boundary/],
    [
      "disk is written and has a page with another module",
      withModule(1, { start: disk.start + 0x1000n, bytes: 4n }),
      "disk=module:3",
      /boot module 3 cannot be written, as it overlaps another one/,
    ],
  ] as const) {
    test(what, () => {
      const run = bootWith(`guest=module ${commandLine}`, {
        modules: changed,
        memoryMap: [{ start: 0n, bytes: 1n << 33n, type: RAM }],
      });
      assertEnd(run, "guest-not-loaded", message);
      assert.equal(run.machine.entry.records.length, 0);
    });
  }
});
