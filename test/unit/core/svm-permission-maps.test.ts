// The I/O and MSR permission maps as the processor reads them in core's memory (APM 2 15.10.1 and 15.11).
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertEnd } from "./assertions.ts";
import { ryzen, tcgMax, type CpuModel } from "./machine/cpu-model.ts";
import { first, hlt, listed } from "./machine/exits.ts";
import type { Guest } from "./machine/guest.ts";
import { Machine } from "./machine/machine.ts";
import { msrExits, portExits } from "./machine/svm/permission-maps.ts";
import { VmcbFields } from "./machine/svm/vmcb-fields.ts";
import { msr } from "./machine/tables.ts";

const PORTS = 0x10000;
/** The MSRs that the map has bits for, by their first ones. */
const RANGES = [0, 0xc0000000, 0xc0010000];
const MSRS_OF_RANGE = 0x2000;

interface Passed {
  readonly reads: number[];
  readonly writes: number[];
  readonly ports: number[];
}

/** What does not exit, looked up in the maps that the VMCB names, at the guest's first instruction. */
function passed(cpu: CpuModel, commandLine = "guest=hlt iterations=1"): Passed {
  const found: Passed = { reads: [], writes: [], ports: [] };
  const look = ({ vmcs }: Guest): void => {
    if (!(vmcs instanceof VmcbFields)) throw new Error("this guest runs by no VMCB");
    const { memory } = machine;
    for (let port = 0; port < PORTS; port++) {
      if (!portExits(memory, vmcs.image, port, 1)) found.ports.push(port);
    }
    // The last port's word and double word go beyond the map's 65536 bits.
    for (const bytes of [2, 4]) if (!portExits(memory, vmcs.image, PORTS - 1, bytes)) found.ports.push(PORTS);
    for (const range of RANGES) {
      for (let index = range; index < range + MSRS_OF_RANGE; index++) {
        if (!msrExits(memory, vmcs.image, index, false)) found.reads.push(index);
        if (!msrExits(memory, vmcs.image, index, true)) found.writes.push(index);
      }
    }
  };
  const machine = new Machine({
    commandLine,
    cpu,
    scripts: [
      (guest) => {
        look(guest);
        return first(hlt, listed())(guest);
      },
    ],
  });
  assertEnd(machine.run(), "ok");
  return found;
}

const sorted = (indices: readonly number[]): number[] => [...indices].sort((a, b) => a - b);
/** Those that VMRUN, VMLOAD and VMSAVE switch, and the counter, which has an offset. */
const own = [
  ...["IA32_SYSENTER_CS", "IA32_SYSENTER_ESP", "IA32_SYSENTER_EIP", "IA32_PAT", "IA32_STAR", "IA32_LSTAR"],
  ...["IA32_CSTAR", "IA32_FMASK", "IA32_FS_BASE", "IA32_GS_BASE", "IA32_KERNEL_GS_BASE"],
].map(msr);

test("every access to a port exits", () => {
  assert.deepEqual(passed(ryzen).ports, []);
});

test("no MSR but those that the processor holds for the guest is passed to it", () => {
  for (const cpu of [ryzen, tcgMax]) {
    const hasRdtscp = ((cpu.leaf(0x80000001)[3] >>> 27) & 1) !== 0;
    const writes = hasRdtscp ? [...own, msr("IA32_TSC_AUX")] : own;
    const found = passed(cpu);
    assert.deepEqual(sorted(found.writes), sorted(writes), cpu.name);
    assert.deepEqual(sorted(found.reads), sorted([...writes, msr("IA32_TIME_STAMP_COUNTER")]), cpu.name);
  }
});

test("EFER, whose SVME no guest is to see or change, and SVM's own MSRs always exit", () => {
  const { reads, writes } = passed(ryzen);
  for (const name of ["IA32_EFER", "VM_CR", "VM_HSAVE_PA"]) {
    assert.ok(!reads.includes(msr(name)) && !writes.includes(msr(name)), name);
  }
});
