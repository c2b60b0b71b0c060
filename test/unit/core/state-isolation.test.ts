// Registers that no VM entry or exit switches: each VM finds its own, whoever ran in between, and nobody else's.
import assert from "node:assert/strict";
import { assertEnd } from "./assertions.ts";
import { amdModelNames, cpuModel, modelNames, type CpuModel } from "./machine/cpu-model.ts";
import { cpuid, externalInterrupt, vmcall, type Exit, type Script } from "./machine/exits.ts";
import { Machine } from "./machine/machine.ts";
import type { Processor } from "./machine/processor.ts";
import { msr } from "./machine/tables.ts";
import { test as plainTest } from "node:test";
import { vendor } from "./machine/vendor.ts";
import { onVmx, test } from "./vendors.ts";

const MSRS = ["STAR", "LSTAR", "CSTAR", "FMASK", "KERNEL_GS_BASE", "TSC_AUX", "SPEC_CTRL"].map((name) =>
  msr(`IA32_${name}`),
);
const CLEAN = { CR2: 0n, DR0: 0n, DR1: 0n, DR2: 0n, DR3: 0n, DR6: 0xffff0ff0n };

/** More than a slice has ticks: each interrupt of the host ends one. */
const SLICE = 5n << 20n;

/** Numbers that look random and are the same in every run: a linear congruential generator. */
function generator(seed: number): () => number {
  let state = BigInt(seed);
  return () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number(state >> 56n);
  };
}

/** All that a guest could see of it, as one text; the differences of two are legible. */
function seen(processor: Processor): Record<string, string> {
  const state: Record<string, string> = { extended: processor.extended.bytes.toString("hex") };
  for (const [name, value] of processor.unswitched) state[name] = value.toString(16);
  for (const index of MSRS) state[`MSR ${index.toString(16)}`] = (processor.msrs.get(index) ?? 0n).toString(16);
  return state;
}

function scramble(processor: Processor, next: () => number): void {
  const word = (): bigint => {
    let value = 0n;
    for (let i = 0; i < 8; i++) value = (value << 8n) | BigInt(next());
    return value;
  };
  for (const n of processor.extended.numbers) {
    // Now and then a component stays as it is: XSAVEOPT must not take what an area held before for it.
    if (next() % 4 !== 0) processor.extended.scramble(n, next);
  }
  for (const name of Object.keys(CLEAN)) processor.writeRegister(name, name === "DR6" ? BigInt(next()) & 0xfn : word());
  for (const index of MSRS) if (processor.msrs.has(index)) processor.msrs.set(index, word());
}

/** What firmware and a boot loader might leave. */
function leaveTraces(processor: Processor): void {
  scramble(processor, generator(99));
}

interface Watched {
  readonly machine: Machine;
  /** VM entries of each VM, in order. */
  readonly turns: number[];
}

/** Runs VMs that scramble all their registers between exits and hold at each entry what they find against what they left. */
function watched(commandLine: string, vms: number, cpu: CpuModel, seed: number): Watched {
  const next = generator(seed);
  const turns: number[] = [];
  const clean: { state?: Record<string, string> } = {};
  const script = (vm: number): Script =>
    function* () {
      const { processor } = machine;
      let own = clean.state!;
      for (let entry = 0; entry < 40; entry++) {
        turns.push(vm);
        assert.deepEqual(seen(processor), own, `entry ${entry} of vm${vm}`);
        scramble(processor, next);
        own = seen(processor);
        yield (next() % 3 === 0 ? cpuid : externalInterrupt) satisfies Exit;
      }
      yield vmcall;
    };
  const machine: Machine = new Machine({
    cpu,
    commandLine,
    ticksBeforeInterrupt: SLICE,
    scripts: [...Array(vms).keys()].map(script),
    prepare: ({ processor }) => {
      clean.state = seen(processor);
      leaveTraces(processor);
      assert.notDeepEqual(seen(processor), clean.state);
    },
  });
  assertEnd(machine.run(), "ok");
  assert.deepEqual(seen(machine.processor), clean.state, "nothing of a VM is left at the end");
  return { machine, turns };
}

for (const name of [...modelNames.filter((model) => !/penryn|lynnfield/.test(model)), ...amdModelNames]) {
  plainTest(
    `on a ${name} each of five VMs finds its registers as it left them, at 4,000 entries in random histories`,
    () => {
      for (let seed = 0; seed < 20; seed++) {
        const { turns } = watched("guest=count+count+count,count+count iterations=1 quiet", 5, cpuModel(name), seed);
        const switches = turns.filter((vm, i) => i > 0 && turns[i - 1] !== vm);
        assert.ok(switches.length > 50, `${switches.length} switches`);
      }
    },
  );
}

test("so it is on a CPU without XSAVE, by FXSAVE", () => {
  const { cpu: whole } = vendor();
  const [eax, ebx, ecx, edx] = whole.leaf(1);
  const cpu = whole.withLeaf(1, [eax, ebx, (ecx & ~(1 << 26)) >>> 0, edx]);
  const { machine } = watched("guest=count+count iterations=1 quiet", 2, cpu, 7);
  assert.equal(machine.processor.extended.xcr0, 1n);
});

test("CR4 is as it was when the VMs have ended", () => {
  const { machine } = watched("guest=count+count iterations=1", 2, vendor().cpu, 1);
  assert.equal(machine.processor.cr4, 0x20n);
});

const LEAF_7 = [0, 0, 0, 0x14000400 | 0x20000000] as const;
const trace = (options: string, capabilities: bigint): { steps: string[]; line: string } => {
  const base = cpuModel("corei7_icelake_u");
  const [eax, ebx, ecx] = base.leaf(7);
  const cpu = base.withLeaf(7, [eax, ebx, ecx, LEAF_7[3]]).withMsr("IA32_ARCH_CAPABILITIES", capabilities);
  const machine = new Machine({
    cpu,
    commandLine: `guest=count+count iterations=1 ${options}`,
    ticksBeforeInterrupt: SLICE,
    scripts: [0, 1].map(
      () =>
        function* () {
          for (let i = 0; i < 3; i++) yield externalInterrupt;
          yield vmcall;
        },
    ),
  });
  const run = machine.run();
  assertEnd(run, "ok");
  const steps = machine.trace.map((step) => step.replace(/^WRMSR 49 1$/, "IBPB").replace(/^WRMSR 10b 1$/, "L1D flush"));
  const line = run.lines.find((text) => text.includes("on a switch between VMs")) ?? "";
  return { steps: steps.filter((step) => /IBPB|RSB fill|L1D flush|VERW/.test(step)), line };
};
const all = ["IBPB", "RSB fill", "L1D flush", "VERW"];
// Three slices each and the end of each: vm0 first, then seven times the other one.
const SWITCHES = 7;
const times = (defences: readonly string[]): string[] => Array(SWITCHES).fill(defences).flat() as string[];

onVmx("a CPU that denies no weakness gets every defence at every switch between VMs, in order", () => {
  const { steps, line } = trace("", 0n);
  assert.deepEqual(steps, times(all));
  assert.match(line, /: IBPB; RSB fill; L1D flush; VERW$/);
});

onVmx("RDCL_NO, and MDS_NO with TAA_NO, spare the flush and VERW, and the line says why", () => {
  const { steps, line } = trace("", 0x121n);
  assert.deepEqual(steps, times(["IBPB", "RSB fill"]));
  assert.match(
    line,
    /no L1D flush \(IA32_ARCH_CAPABILITIES has RDCL_NO.*\); no VERW \(IA32_ARCH_CAPABILITIES has MDS_NO/,
  );
});

onVmx("each defence can be switched by itself, and all off", () => {
  for (const [option, title] of [
    ["ibpb", "IBPB"],
    ["rsb", "RSB fill"],
    ["l1d", "L1D flush"],
    ["verw", "VERW"],
  ] as const) {
    assert.deepEqual(trace(`defences=${option}`, 0x121n).steps, times([title]));
  }
  assert.deepEqual(trace("defences=rsb,ibpb", 0n).steps, times(["IBPB", "RSB fill"]));
  const none = trace("defences=none", 0n);
  assert.deepEqual(none.steps, []);
  assert.match(none.line, /: no IBPB \(the boot option defences leaves it out\)/);
});

test("what the CPU cannot do is said", () => {
  const machine = new Machine({ commandLine: "guest=count,count iterations=1" });
  const run = machine.run();
  assertEnd(run, "ok", /: no IBPB \(CPUID\.7:EDX\[26\] is 0\); RSB fill; no L1D flush \(CPUID\.7:EDX\[28\]/);
});

test("a guest alone has nothing switched but at its start and end, and no line about it", () => {
  const run = new Machine({ commandLine: "guest=count iterations=1" }).run();
  assertEnd(run, "ok");
  assert.ok(!run.lines.some((line) => line.includes("switch")));
  assert.ok(!run.machine.trace.includes("RSB fill"));
});
