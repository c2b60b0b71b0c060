// One VMCS as its CPU keeps it: the launch state and the fields.
import { u64 } from "./bits.ts";
import type { Guest, GuestFields } from "./guest.ts";
import { isHighHalf, widthOf } from "./fields.ts";
import { allFields, field } from "./tables.ts";

const namesByEncoding = new Map(allFields.map(([name, encoding]) => [encoding, name]));

export class Vmcs implements GuestFields {
  readonly address: bigint;
  isLaunched = false;
  /** Fields that a VM entry read though nobody had written them: on a real CPU their content is not defined. */
  readonly undefinedReads = new Set<string>();
  readonly #fields = new Map<number, bigint>();

  constructor(address: bigint) {
    this.address = address;
  }

  /** A field by encoding, the high half of a 64-bit one too; 0 where nothing was written. */
  read(encoding: number): bigint {
    if (isHighHalf(encoding)) return this.read(encoding & ~1) >> 32n;
    return this.#fields.get(encoding) ?? 0n;
  }

  /** Cuts the value to the field's width. */
  write(encoding: number, value: bigint): void {
    if (isHighHalf(encoding)) {
      const low = this.read(encoding & ~1) & 0xffffffffn;
      this.#fields.set(encoding & ~1, (BigInt.asUintN(32, value) << 32n) | low);
    } else {
      this.#fields.set(encoding, BigInt.asUintN(Number(widthOf(encoding)), u64(value)));
    }
  }

  /** A field by its constant's name, as VM entry reads it. */
  get(name: string): bigint {
    const encoding = field(name);
    if (!this.#fields.has(encoding)) this.undefinedReads.add(namesByEncoding.get(encoding) ?? name);
    return this.read(encoding);
  }

  set(name: string, value: bigint): void {
    this.write(field(name), value);
  }
}

/** The VMCS that a guest runs by: for tests that are about it. */
export function vmcsOf({ vmcs }: Guest): Vmcs {
  if (vmcs instanceof Vmcs) return vmcs;
  throw new Error("this guest runs by no VMCS: the test is about VMX, and its CPU has SVM");
}
