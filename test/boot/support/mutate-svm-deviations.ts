// Where emulators check a VMRUN otherwise than the APM has it: each with the section and its content in own words.
import { netFlips, type Attempt } from "../../unit/core/machine/mutate-journal.ts";

export interface SvmDeviation {
  readonly emulator: "Bochs 2.7" | "QEMU 7.2";
  readonly does: string;
  readonly apm: string;
  /** The slugs of rules that the doctor finds violated and the emulator does not. */
  readonly overlooked?: readonly string[];
  /** The emulator refuses a VMCB that breaks no rule, or none but overlooked ones. */
  readonly refuses?: true;
  /** What the flipped bits must be. */
  readonly when?: (attempt: Attempt) => boolean;
}

const FIELD = 0x8000;
const IOPM_BASE_PA = FIELD + 0x040;
const MSRPM_BASE_PA = FIELD + 0x048;
const EVENTINJ = FIELD + 0x0a8;
const CS_ATTRIBUTES = FIELD + 0x412;
const EFER = FIELD + 0x4d0;
const CR4 = FIELD + 0x548;
const CR3 = FIELD + 0x550;

const flips = (attempt: Attempt, field: number): bigint => netFlips(attempt).get(field) ?? 0n;
const touches = (attempt: Attempt, field: number, mask: bigint): boolean => (flips(attempt, field) & mask) !== 0n;
const bits = (...places: readonly number[]): bigint => places.reduce((mask, place) => mask | (1n << BigInt(place)), 0n);
/** A value was chosen whose last page is the last, or one of the last three, that there are. */
const isEdge = (attempt: Attempt, field: number): boolean => {
  const flip = flips(attempt, field);
  return flip !== 0n && (flip & (flip - 1n)) !== 0n;
};
const RESERVED_EFER = bits(1, 2, 3, 4, 5, 6, 7, 13);
const ADDRESS_LIMIT = 40n;

export const svmDeviations: readonly SvmDeviation[] = [
  {
    emulator: "Bochs 2.7",
    does: "injects exceptions with vectors that no exception has, up to 31",
    apm: "15.20: an exception's vector must be one that an exception has",
    overlooked: ["vmcb.eventinj.vector.reserved"],
  },
  {
    emulator: "Bochs 2.7",
    does: "injects #OF and #BR into 64-bit mode",
    apm: "15.20: an event that the guest's mode does not know fails, #BR in 64-bit mode for one",
    overlooked: ["vmcb.eventinj.vector.64-bit"],
    when: (attempt) => flips(attempt, EVENTINJ) !== 0n,
  },
  {
    emulator: "Bochs 2.7",
    does: "does not look at CR3",
    apm: "15.5.1: bits of CR3 that must be zero may not be set; in long mode that are those beyond physical addresses",
    overlooked: ["vmcb.cr3.maxphyaddr"],
  },
  {
    emulator: "Bochs 2.7",
    does: "looks where the permission maps begin and not where they end",
    apm: "15.5.1: they may not extend beyond physical addresses",
    overlooked: ["vmcb.iopm.maxphyaddr", "vmcb.msrpm.maxphyaddr"],
    when: (attempt) => isEdge(attempt, IOPM_BASE_PA) || isEdge(attempt, MSRPM_BASE_PA),
  },
  {
    emulator: "Bochs 2.7",
    does: "refuses EFER's bits 7:1, and LMSLE and TCE though CPUID has TCE and does not deny LMSLE",
    apm: "3.1.7: bits 7:1 read as zero, which is not that they must be; the others are there by CPUID",
    refuses: true,
    when: (attempt) => touches(attempt, EFER, RESERVED_EFER | bits(15)),
  },
  {
    emulator: "Bochs 2.7",
    does: "refuses CS.L with CS.D outside long mode too",
    apm: "15.5.1: it is with EFER.LME, CR0.PG and CR4.PAE that the two exclude each other",
    refuses: true,
    when: (attempt) => touches(attempt, CS_ATTRIBUTES, bits(9)),
  },
  {
    emulator: "QEMU 7.2",
    does: "does not look at G_PAT",
    apm: "15.25.4: with nested paging it may hold memory types only",
    overlooked: ["vmcb.g-pat.reserved", "vmcb.g-pat.type"],
  },
  {
    emulator: "QEMU 7.2",
    does: "does not look at the bits of nCR3",
    apm: "15.25.4: with nested paging its bits that must be zero may not be set",
    overlooked: ["vmcb.n-cr3.maxphyaddr"],
  },
  {
    emulator: "QEMU 7.2",
    does: "injects exceptions with vectors that no exception has, up to 30",
    apm: "15.20: an exception's vector must be one that an exception has",
    overlooked: ["vmcb.eventinj.vector.reserved"],
  },
  {
    emulator: "QEMU 7.2",
    does: "injects #OF and #BR into 64-bit mode",
    apm: "15.20: an event that the guest's mode does not know fails, #BR in 64-bit mode for one",
    overlooked: ["vmcb.eventinj.vector.64-bit"],
  },
  {
    emulator: "QEMU 7.2",
    does: "does not read the page-directory pointers",
    apm: "15.5.1: without nested paging VMRUN reads them, and exits where a reserved bit is set",
    overlooked: ["vmcb.pdpe-0", "vmcb.pdpe-1", "vmcb.pdpe-2", "vmcb.pdpe-3"],
  },
  {
    emulator: "QEMU 7.2",
    does: "takes EFER.FFXSR, and CR4.PCIDE, whatever CPUID says",
    apm: "15.5.1: what the processor lacks must be zero",
    overlooked: ["vmcb.efer.ffxsr", "vmcb.cr4.pcide"],
  },
  {
    emulator: "QEMU 7.2",
    does: "takes CR4.OSXSAVE without CPUID.1:ECX[26], as it looks into another word",
    apm: "15.5.1: what the processor lacks must be zero",
    overlooked: ["vmcb.cr4.osxsave"],
  },
  {
    emulator: "QEMU 7.2",
    does: "takes CR4.PKS, as its CPUID has Intel's feature",
    apm: "3.1.3: bit 24 of CR4 is reserved",
    overlooked: ["vmcb.cr4.reserved"],
    when: (attempt) => touches(attempt, CR4, bits(24)),
  },
  {
    emulator: "QEMU 7.2",
    does: "refuses EFER's bits 7:1 and LMSLE, though CPUID does not deny LMSLE",
    apm: "3.1.7: bits 7:1 read as zero, which is not that they must be; LMSLE is there by CPUID",
    refuses: true,
    when: (attempt) => touches(attempt, EFER, RESERVED_EFER),
  },
  {
    emulator: "QEMU 7.2",
    does: "looks at CR3 by the host's mode, so outside long mode too",
    apm: "15.5.1: CR3 has 32 bits there",
    refuses: true,
    when: (attempt) => flips(attempt, CR3) >> ADDRESS_LIMIT !== 0n,
  },
  {
    emulator: "QEMU 7.2",
    does: "refuses an MSR permission map that is the last 8 KiB of physical addresses",
    apm: "15.5.1: it may not extend beyond them, and does not",
    refuses: true,
    when: (attempt) => isEdge(attempt, MSRPM_BASE_PA),
  },
];
