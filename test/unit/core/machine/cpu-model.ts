// A CPU as data: its VMX capability MSRs and its CPUID leaves, from test/fixtures/cpu-models.
import { readFileSync } from "node:fs";
import { msr } from "./tables.ts";

/** EAX, EBX, ECX, EDX. */
export type CpuidAnswer = readonly [number, number, number, number];

interface Fixture {
  readonly msrs: Readonly<Record<string, { readonly value: string }>>;
  readonly cpuid: Readonly<Record<string, string>>;
}

/** Immutable: each change makes another CPU. */
export class CpuModel {
  readonly name: string;
  readonly msrs: ReadonlyMap<number, bigint>;
  readonly leaves: ReadonlyMap<number, CpuidAnswer>;

  constructor(name: string, msrs: ReadonlyMap<number, bigint>, leaves: ReadonlyMap<number, CpuidAnswer>) {
    this.name = name;
    this.msrs = msrs;
    this.leaves = leaves;
  }

  /** MAXPHYADDR (SDM 3A 4.1.4). */
  get maximumPhysicalAddress(): number {
    const sizes = this.leaves.get(0x80000008);
    return sizes === undefined ? 36 : sizes[0] & 0xff;
  }

  /** The same CPU with an MSR of another value, or without the MSR. */
  withMsr(name: string, value: bigint | null): CpuModel {
    const msrs = new Map(this.msrs);
    if (value === null) msrs.delete(msr(name));
    else msrs.set(msr(name), value);
    return new CpuModel(this.name, msrs, this.leaves);
  }

  /** The same CPU with bits of an MSR cleared. */
  without(name: string, bits: bigint): CpuModel {
    return this.withMsr(name, this.msr(name) & ~bits);
  }

  /** The same CPU that does not allow a 1 in these bits of a control word; both the plain and the TRUE MSR say so. */
  denying(word: "PINBASED" | "PROCBASED" | "PROCBASED2" | "EXIT" | "ENTRY", bits: bigint): CpuModel {
    const plain = word === "PROCBASED2" ? "IA32_VMX_PROCBASED_CTLS2" : `IA32_VMX_${word}_CTLS`;
    const denied = this.without(plain, bits << 32n);
    const isTrue = word !== "PROCBASED2" && denied.msrs.has(msr(`IA32_VMX_TRUE_${word}_CTLS`));
    return isTrue ? denied.without(`IA32_VMX_TRUE_${word}_CTLS`, bits << 32n) : denied;
  }

  withLeaf(leaf: number, answer: CpuidAnswer): CpuModel {
    return new CpuModel(this.name, this.msrs, new Map(this.leaves).set(leaf, answer));
  }

  msr(name: string): bigint {
    const value = this.msrs.get(msr(name));
    if (value === undefined) throw new Error(`found no ${name} in the model ${this.name}, expected it`);
    return value;
  }

  leaf(leaf: number): CpuidAnswer {
    return this.leaves.get(leaf) ?? [0, 0, 0, 0];
  }
}

/** Reads test/fixtures/cpu-models/<name>.json. */
export function cpuModel(name: string): CpuModel {
  const url = new URL(`../../../fixtures/cpu-models/${name}.json`, import.meta.url);
  const fixture = JSON.parse(readFileSync(url, "utf8")) as Fixture;
  const msrs = Object.entries(fixture.msrs).map(([index, { value }]) => [Number(index), BigInt(value)] as const);
  const leaves = Object.entries(fixture.cpuid).map(([leaf, text]) => {
    const [eax = 0, ebx = 0, ecx = 0, edx = 0] = text.split(" ").map((register) => Number(`0x${register}`));
    return [Number(leaf), [eax, ebx, ecx, edx] as const] as const;
  });
  return new CpuModel(name, new Map(msrs), new Map(leaves));
}

export const modelNames = [
  "core2_penryn_t9600",
  "corei5_lynnfield_750",
  "corei7_sandy_bridge_2600k",
  "corei7_skylake_x",
  "corei7_icelake_u",
] as const;

/** Two of AMD's, with SVM. */
export const amdModelNames = ["ryzen", "qemu_tcg_max"] as const;

/** The CPU that tests run on unless they say otherwise. */
export const skylake = cpuModel("corei7_skylake_x");
/** That of tests on AMD's side. */
export const ryzen = cpuModel("ryzen");
/** As QEMU's code generator has one: nested paging and 16 ASIDs, and none of SVM's later features. */
export const tcgMax = cpuModel("qemu_tcg_max");
