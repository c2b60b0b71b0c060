// Boot modules as guests: which one a guest is, what its command line is, how much RAM it has, and what is refused.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { elf, header1 } from "../vmm/kernel-images.ts";
import { assertEnd } from "./assertions.ts";
import type { Module } from "./machine/boot-information.ts";
import type { Exit } from "./machine/exits.ts";
import { listed } from "./machine/exits.ts";
import { boot, type MachineOptions, type Run } from "./machine/machine.ts";
import { reason, vcpuPage } from "./machine/tables.ts";
import { test } from "./vendors.ts";

const MIB = 1n << 20n;
const PLACE = 0x2000000n;
const OWN_START = 0xc0000000n;
const kernel = elf(32, MIB + 12n, [{ physical: MIB, bytes: Buffer.concat([header1(3), Buffer.from("the first")]) }]);

/** OUT of 32 bits to the exit port. */
const exit = (value: number): Exit => ({
  reason: reason("EXIT_REASON_IO_INSTRUCTION"),
  instructionLength: 1,
  qualification: 0xf40003n,
  registers: { rax: BigInt(value) },
});

function bootModules(modules: readonly Module[], commandLine: string, options: MachineOptions = {}): Run {
  return boot({
    modules,
    commandLine,
    scripts: [listed(exit(0))],
    prepare: (machine) => modules.forEach(({ start }) => machine.memory.write(start, kernel)),
    ...options,
  });
}

const module: Module = { start: PLACE, bytes: BigInt(kernel.length) };

/** What the vmm of VM `vm` has in its memory for a command line. */
function commandLine(run: Run, vm = 0): string {
  const { buffer } = run.machine.vmms.instances.get(vm)!.memory;
  const at = vcpuPage("VCPU_PAGE_IN_VMM") + vcpuPage("COMMAND_LINE_OFFSET");
  const text = Buffer.from(buffer, at, vcpuPage("COMMAND_LINE_CAPACITY")).toString("latin1");
  return text.slice(0, text.indexOf("\0"));
}

test("a module is loaded, entered in 32-bit protected mode without paging, and ends with the value that it writes", () => {
  const run = bootModules([module], "guest=module", { scripts: [listed(exit(0x2a))] });
  assertEnd(run, "guest-exit 42", /vm0: ended: guest-exit with the value 42 \(0x2a\), 1 VM entries/);
  assert.equal(run.result, 53);
});

test("the value 0 is a good end", () => {
  assertEnd(bootModules([module], "guest=module"), "ok", /vm0: ended: ok, 1 VM entries/);
});

test("of several guests the first bad end is the run's, with its own value", () => {
  const scripts = [0, 7, 9].map((value) => listed(exit(value)));
  const run = bootModules([module], "guest=module,module,module", { scripts });
  assertEnd(
    run,
    "guest-exit 7",
    /vm1: ended: guest-exit with the value 7 /,
    /vm2: ended: guest-exit with the value 9 /,
  );
});

describe("the guest's command line is", () => {
  test("the module's own where the loader has one, and each module has its own", () => {
    const other = { ...module, start: PLACE + MIB, commandLine: "second words" };
    const run = bootModules([{ ...module, commandLine: "first  words" }, other], "guest=module:2+module -- not this");
    assertEnd(run, "ok");
    assert.deepEqual([commandLine(run, 0), commandLine(run, 1)], ["second words", "first  words"]);
  });

  for (const loader of ["multiboot2", "pvh"] as const) {
    test(`what is behind "--" where the loader has none (${loader})`, () => {
      for (const [text, expected] of [
        ["guest=module -- kernel  a=b --c", "kernel  a=b --c"],
        ["guest=module --", ""],
        ["guest=module", ""],
      ] as const) {
        const run = bootModules([{ ...module, commandLine: "" }], text, { loader });
        assertEnd(run, "ok");
        assert.equal(commandLine(run), expected);
      }
    });
  }

  test("refused where it is longer than the vCPU page has room", () => {
    const longest = "x".repeat(vcpuPage("COMMAND_LINE_CAPACITY"));
    assertEnd(bootModules([{ ...module, commandLine: longest }], "guest=module"), "ok");
    const run = bootModules([{ ...module, commandLine: `${longest}x` }], "guest=module");
    assertEnd(run, "guest-not-loaded", /command line has 2049 letters; expected 2048 at most/);
  });
});

describe("RAM of a module", () => {
  const ramOf = (run: Run): bigint => run.machine.vmms.ramBytes(0);

  test("is 128 MiB unless the option memory says otherwise", () => {
    assert.equal(ramOf(bootModules([module], "guest=module")), 128n * MIB);
    for (const [size, bytes] of [
      ["2M", 2n * MIB],
      ["64M", 64n * MIB],
      ["300M", 300n * MIB],
    ] as const) {
      const run = bootModules([module], `guest=module memory=${size}`);
      assertEnd(run, "ok", new RegExp(`vm0: guest module, ${bytes / MIB} MiB of RAM`));
      assert.equal(ramOf(run), bytes);
    }
  });

  test("does not change that of a built-in guest", () => {
    const run = boot({ commandLine: "guest=count memory=64M iterations=1" });
    assertEnd(run, "ok", /vm0: guest count, 16 MiB of RAM/);
  });

  test("that is more than there is, is refused with what there is", () => {
    const run = bootModules([module], "guest=module memory=1G");
    assertEnd(run, "too-little-memory", /5\d\d MiB are free; a VM takes 1024 MiB of RAM/);
  });

  for (const size of ["1M", "3M", "3074M", "4G", "256", "0M", "M", "", "99999999999999M", "1.5G", "-2M"]) {
    test(`cannot be "${size}"`, () => {
      assertEnd(bootModules([module], `guest=module memory=${size}`), "bad-option", /expected an even number of MiB/);
    });
  }
});

describe("a module is refused that", () => {
  const end = 1n << 40n;
  for (const [what, place, name, message] of [
    ["is not there", null, "module", /there is no boot module 1: the boot loader gave 0/],
    ["is one of more than there are", module, "module:3", /there is no boot module 3: the boot loader gave 1/],
    ["is empty", { start: PLACE, bytes: 0n }, "module", /boot module 1 is empty/],
    ["is too large", { start: PLACE, bytes: 129n * MIB }, "module", /too large; expected 128 MiB at most/],
    ["does not start on a page", { start: PLACE + 4n, bytes: 99n }, "module", /does not start on a page boundary/],
    ["lies in Basalt's image", { start: 0x100000n, bytes: 4096n }, "module", /overlaps Basalt's image/],
  ] as const) {
    test(what, () => {
      const run = bootModules(place ? [place] : [], `guest=${name}`);
      assertEnd(run, "guest-not-loaded", message);
      assert.equal(run.machine.entry.records.length, 0, "no guest was entered");
    });
  }

  test("lies beyond the CPU's addresses", () => {
    const run = bootModules([{ start: end, bytes: 4096n }], "guest=module", { loader: "pvh", prepare: () => {} });
    assertEnd(run, "guest-not-loaded", /beyond this CPU's physical addresses/);
  });

  test("is no kernel, in the vmm's words", () => {
    const run = bootModules([{ ...module, bytes: 8n }], "guest=module quiet");
    assertEnd(run, "guest-not-loaded", /error: vm0: the boot module cannot be started: it ends within its ELF header/);
  });
});

for (const name of ["module:0", "module:50", "module:", "module:x", "modules"]) {
  test(`guest=${name} is refused by name`, () => {
    assertEnd(bootModules([module], `guest=${name}`), "bad-option", new RegExp(`'guest=${name}'`));
  });
}

test("a module is mapped where large pages can be used, read-only, beside all that the vmm owns", () => {
  const run = bootModules([{ ...module, start: PLACE + 0x7000n }], "guest=module");
  assertEnd(run, "ok");
  const mapping = run.machine.vmms.mappings.get(0)!.find(({ hpa }) => hpa === PLACE + 0x7000n)!;
  assert.equal(mapping.address, BigInt(vcpuPage("MODULE_IN_VMM")) + 0x7000n);
  assert.equal(mapping.bytes, 4096n);
  assert.ok(mapping.address > OWN_START);
});
