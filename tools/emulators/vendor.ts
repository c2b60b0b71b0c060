// The makers of processors with virtualization, by the names that `--cpu` takes, and what each calls it.

export const vendors = { intel: { extension: "VMX" }, amd: { extension: "SVM" } } as const;

export type Vendor = keyof typeof vendors;

/** Whether `cpu` names a vendor, not an emulator's own model. */
export function isVendor(cpu: string | undefined): cpu is Vendor {
  return cpu !== undefined && Object.hasOwn(vendors, cpu);
}
