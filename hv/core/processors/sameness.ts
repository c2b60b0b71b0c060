// What must be alike on all CPUs, so that a VM may run on any: read on the CPU that booted, compared on each other one.

import {
  CPUID_1_ECX_OSXSAVE,
  CPUID_1_EDX_APIC,
  CPUID_7_ECX_OSPKE,
  CPUID_7_EDX_HYBRID,
  CPUID_LEAF_ADDRESS_SIZES,
  CPUID_LEAF_EXTENDED_FEATURES,
  CPUID_LEAF_EXTENDED_MAXIMUM,
  CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES,
  CPUID_LEAF_FEATURES,
  CPUID_LEAF_SVM,
  CPUID_LEAF_VENDOR,
  CPUID_LEAF_XSAVE,
} from "../../x86/cpuid";
import { Console } from "../console/console";
import { Cpuid } from "../cpu/cpuid";

const ALL: u32 = 0xffffffff;
/** Words of a row: leaf, subleaf, and of EAX, EBX, ECX, EDX the bits that must be alike. */
const ROW: i32 = 6;
const REGISTERS: i32 = 4;
/** What differs by nature is masked: APIC IDs, what mirrors a control register, the size of what XCR0 has on, the stepping. */
// prettier-ignore
const ROWS: StaticArray<u32> = [
  CPUID_LEAF_VENDOR, 0, 0, ALL, ALL, ALL,
  CPUID_LEAF_FEATURES, 0, ~(<u32>0xf), 0, ~CPUID_1_ECX_OSXSAVE, ~CPUID_1_EDX_APIC,
  CPUID_LEAF_EXTENDED_FEATURES, 0, 0, ALL, ~CPUID_7_ECX_OSPKE, ~CPUID_7_EDX_HYBRID,
  CPUID_LEAF_XSAVE, 0, ALL, 0, ALL, ALL,
  CPUID_LEAF_XSAVE, 1, ALL, 0, ALL, ALL,
  CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES, 0, 0, 0, ALL, ALL,
  CPUID_LEAF_ADDRESS_SIZES, 0, ALL, ALL, 0, 0,
  CPUID_LEAF_SVM, 0, ALL, ALL, 0, ALL,
];
const REGISTER_NAMES: StaticArray<string> = ["EAX", "EBX", "ECX", "EDX"];
/** EBX of leaf 0, which has the vendor's letters. */
const SPOILED: i32 = 1;
const EXTENDED: u32 = CPUID_LEAF_EXTENDED_MAXIMUM;

/** What CPUID says of one CPU, as far as all must agree. */
export class Sameness {
  private readonly values: StaticArray<u32> = new StaticArray<u32>((ROWS.length / ROW) * REGISTERS);
  private readonly cpuid: Cpuid = new Cpuid();

  /** Of the CPU that executes this. */
  constructor() {
    for (let at = 0; at < this.values.length; at++) this.values[at] = this.read(at);
  }

  /** Holds the CPU that executes this against it; false, and a line of `level` that names the first difference, where there is one. */
  check(console: Console, level: u32): bool {
    for (let at = 0; at < this.values.length; at++) {
      const here = this.read(at);
      if (here == this.values[at]) continue;
      const row = at / REGISTERS;
      const line = console
        .line(level)
        .text("CPUID.")
        .hex(ROWS[row * ROW])
        .text(".")
        .decimal(ROWS[row * ROW + 1])
        .text(":");
      line
        .text(REGISTER_NAMES[at % REGISTERS])
        .text(" is ")
        .hex(here, 8)
        .text(" here and ")
        .hex(this.values[at], 8);
      line.text(" on CPU 0; Basalt needs CPUs that are alike").end();
      return false;
    }
    return true;
  }

  /** For the boot option fail=processor-differs: no CPU is like this any more. */
  spoil(): void {
    this.values[SPOILED] ^= 1;
  }

  /** Value `at`, with only those bits that must be alike; 0 of a leaf that this CPU does not have. */
  private read(at: i32): u32 {
    const row = (at / REGISTERS) * ROW;
    const leaf = ROWS[row];
    const cpuid = this.cpuid;
    cpuid.read(leaf & EXTENDED, 0);
    if (leaf > cpuid.eax) return 0;
    cpuid.read(leaf, ROWS[row + 1]);
    const register = at % REGISTERS;
    const value = register == 0 ? cpuid.eax : register == 1 ? cpuid.ebx : register == 2 ? cpuid.ecx : cpuid.edx;
    return value & ROWS[row + 2 + register];
  }
}
