// The VM-entry MSR-load area (SDM 3C 27.4): which entry, from 1 on, cannot be loaded.
import { has, isCanonical } from "./bits.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import { control, field, msr } from "./tables.ts";
import type { Vmcs } from "./vmcs.ts";

const ENTRY_BYTES = 16n;
const FORBIDDEN = new Set(["IA32_FS_BASE", "IA32_GS_BASE", "IA32_SMM_MONITOR_CTL", "IA32_SMBASE"].map(msr));
/** WRMSR of an address that is not canonical is #GP (SDM 2B, "WRMSR"). */
const ADDRESSES = new Set(
  ["IA32_KERNEL_GS_BASE", "IA32_LSTAR", "IA32_CSTAR", "IA32_SYSENTER_ESP", "IA32_SYSENTER_EIP"].map(msr),
);
const OF_32_BITS = new Set(["IA32_FMASK", "IA32_TSC_AUX"].map(msr));
const EFER_BITS = 0xd01n;
const EFER_LME = 1n << 8n;
const CR0_PG = 1n << 31n;

/** IA32_EFER.LME cannot change while paging is on; the entry has set it to what "IA-32e mode guest" says. */
function isEferRefused(vmcs: Vmcs, value: bigint): boolean {
  const isLongMode = has(vmcs.read(field("VM_ENTRY_CONTROLS")), control("ENTRY_IA32E_MODE_GUEST"));
  const changesMode = has(value, EFER_LME) !== isLongMode && has(vmcs.read(field("GUEST_CR0")), CR0_PG);
  return changesMode || has(value, ~EFER_BITS);
}

/** The number of the first entry that cannot be loaded; 0 where all can. */
export function badMsrEntry(vmcs: Vmcs, memory: PhysicalMemory, msrs: ReadonlyMap<number, bigint>): number {
  const count = Number(vmcs.get("VM_ENTRY_MSR_LOAD_COUNT"));
  const area = vmcs.read(field("VM_ENTRY_MSR_LOAD_ADDRESS"));
  for (let n = 1; n <= count; n++) {
    const at = area + ENTRY_BYTES * BigInt(n - 1);
    const index = memory.read32(at);
    const value = memory.read64(at + 8n);
    const isForbidden = FORBIDDEN.has(index) || index >>> 8 === 8;
    const isEfer = index === msr("IA32_EFER");
    const isRefused =
      (isEfer && isEferRefused(vmcs, value)) ||
      (ADDRESSES.has(index) && !isCanonical(value)) ||
      (OF_32_BITS.has(index) && value >> 32n !== 0n);
    if (!msrs.has(index) || memory.read32(at + 4n) !== 0 || isForbidden || isRefused) return n;
  }
  return 0;
}
