// The two vendors' processors, and the one that a test is run on that names no CPU.
import { ryzen, skylake, type CpuModel } from "./cpu-model.ts";
import { withSvmFeature } from "./svm/features.ts";

export interface Vendor {
  /** What the vendor calls its virtualization. */
  readonly name: "VMX" | "SVM";
  readonly cpu: CpuModel;
}

export const VMX: Vendor = { name: "VMX", cpu: skylake };
/** With clean bits, which an emulator has none of: what core forgets to say of a change has to show. */
export const SVM: Vendor = { name: "SVM", cpu: withSvmFeature(ryzen, "cleanBits") };
export const vendors: readonly Vendor[] = [VMX, SVM];

let current = VMX;

/** The vendor whose turn it is. */
export function vendor(): Vendor {
  return current;
}

/** Runs a test's body, which must not be asynchronous, with this vendor's CPU as the one that is meant. */
export function withVendor(meant: Vendor, body: () => void): void {
  const before = current;
  current = meant;
  try {
    body();
  } finally {
    current = before;
  }
}
