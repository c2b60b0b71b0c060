// Why Bochs 2.7 refuses a VMRUN, as its log words it, and the doctor's rules that say the same.

const NX_TO_AIBRSE = ["nxe", "ffxsr", "tce", "mcommit", "intwb", "uaie", "aibrse", "lmsle", "long-mode"];
const UMIP_TO_CET = ["umip", "la57", "fsgsbase", "pcide", "osxsave", "smep", "smap", "pke", "cet"];

const reasons: readonly (readonly [message: RegExp, ...slugs: string[]])[] = [
  [/^VMRUN: VMRUN intercept bit is not set/, "vmcb.intercept.vmrun"],
  [/^VMRUN: invalid IOPM Base Address/, "vmcb.iopm.maxphyaddr"],
  [/^VMRUN: invalid MSRPM Base Address/, "vmcb.msrpm.maxphyaddr"],
  [/^VMRUN: attempt to run guest with host ASID/, "vmcb.asid.zero"],
  [/^VMRUN: invalid memory type in guest PAT_MSR/, "vmcb.g-pat.reserved", "vmcb.g-pat.type"],
  [/^VMRUN\(\): NCR3 reserved bits set/, "vmcb.n-cr3.maxphyaddr"],
  [/^VMRUN: Guest EFER\[63:32\] is not zero/, "vmcb.efer.reserved"],
  [/^VMRUN: Guest EFER reserved bits set/, "vmcb.efer.reserved", ...NX_TO_AIBRSE.map((word) => `vmcb.efer.${word}`)],
  [/^VMRUN: Guest EFER\.SVME = 0/, "vmcb.efer.svme"],
  [/^VMRUN: Guest CR0\[63:32\] is not zero/, "vmcb.cr0.upper"],
  [/^SVM: VMRUN CR0 is broken/, "vmcb.cr0.nw"],
  [/^VMRUN: Guest CR4\[63:32\] is not zero/, "vmcb.cr4.reserved"],
  [/^VMRUN: Guest CR4 reserved bits set/, "vmcb.cr4.reserved", ...UMIP_TO_CET.map((word) => `vmcb.cr4.${word}`)],
  [/^SVM: VMRUN CR4 is broken/, "vmcb.efer.lme.pae"],
  [/^VMRUN: Guest DR6\[63:32\] is not zero/, "vmcb.dr6.upper"],
  [/^VMRUN: Guest DR7\[63:32\] is not zero/, "vmcb.dr7.upper"],
  [/^VMRUN: VMCB CS\.D_B\/L mismatch/, "vmcb.efer.lme.cs"],
  [/^SVM: VMRUN PDPTR check failed/, "vmcb.pdpe-0", "vmcb.pdpe-1", "vmcb.pdpe-2", "vmcb.pdpe-3"],
  [/^SvmInjectEvents: unsupported event injection type/, "vmcb.eventinj.type"],
  [/^SvmInjectEvents: invalid vector/, "vmcb.eventinj.vector"],
];

/** The rules that a message of Bochs's may stand for; none where it gives no reason. */
export function svmSlugsOf(message: string): readonly string[] {
  return (
    reasons
      .find(([pattern]) => pattern.test(message))
      ?.slice(1)
      .map(String) ?? []
  );
}
