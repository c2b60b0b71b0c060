// One list of tests, two vendors: `test` runs its body on a CPU of each, and what the two are to differ in stands here.
import { test as nodeTest } from "node:test";
import { SVM, vendor, vendors, VMX, withVendor, type Vendor } from "./machine/vendor.ts";

/** A test that every vendor's CPU is to pass, unless `only` names the one whose matter it is. */
export function test(name: string, body: () => void, only?: Vendor): void {
  for (const each of only ? [only] : vendors) {
    nodeTest(`${each.name}: ${name}`, () => withVendor(each, body));
  }
}

type Names = Readonly<Record<"VMX" | "SVM", string>>;

/** How summaries and reports name an exit. */
const EXITS = {
  cpuid: { VMX: "exit 10 CPUID", SVM: "exit 0x72 CPUID" },
  exceptionOrNmi: { VMX: "exit 0 Exception or non-maskable interrupt (NMI)", SVM: "exit 0x61 NMI" },
  externalInterrupt: { VMX: "exit 1 External interrupt", SVM: "exit 0x60 INTR" },
  halt: { VMX: "exit 12 HLT", SVM: "exit 0x78 HLT" },
  hypercall: { VMX: "exit 18 VMCALL", SVM: "exit 0x81 VMMCALL" },
  interruptWindow: { VMX: "exit 7 Interrupt window", SVM: "exit 0x64 VINTR" },
  nestedFault: { VMX: "exit 48 EPT violation", SVM: "exit 0x400 NPF" },
  nmiWindow: { VMX: "exit 8 NMI window", SVM: "exit 0x74 IRET" },
  port: { VMX: "exit 30 I/O instruction", SVM: "exit 0x7b IOIO" },
  rdtsc: { VMX: "exit 16 RDTSC", SVM: "exit 0x6e RDTSC" },
} as const satisfies Readonly<Record<string, Names>>;
export type ExitName = keyof typeof EXITS;

/** What else is told in other words. */
const WORDS = {
  nestedPaging: { VMX: "EPT", SVM: "nested paging" },
  noNestedPaging: { VMX: "no-ept", SVM: "no-npt" },
} as const satisfies Readonly<Record<string, Names>>;

/** The line of a VM's summary that counts an exit; `count` may be a pattern. */
export function exits(name: ExitName, count: number | string): RegExp {
  const text = EXITS[name][vendor().name].replace(/[()/]/g, "\\$&");
  return new RegExp(`: ${text}: ${count} exits, `);
}

/** The name of an exit in a report about it. */
export function exitName(name: ExitName): string {
  const text = EXITS[name][vendor().name].replace(/^(exit \S+) /, "$1, ");
  return isVmx() ? `VM ${text}` : text;
}

export function word(name: keyof typeof WORDS): string {
  return WORDS[name][vendor().name];
}

/** Whether it is VMX's turn. */
export function isVmx(): boolean {
  return vendor() === VMX;
}

/** A test that is about VMX, or about what only VMX has. */
export function onVmx(name: string, body: () => void): void {
  test(name, body, VMX);
}

/** A test that is about SVM, or about what only SVM has. */
export function onSvm(name: string, body: () => void): void {
  test(name, body, SVM);
}
