// Where Bochs 2.7 checks a VM entry otherwise than the SDM has it: each with the section and its content in own words.
import { netFlips, type Attempt } from "../../unit/core/machine/mutate-journal.ts";

export interface Deviation {
  readonly bochs: string;
  readonly sdm: string;
  /** The slugs of rules that the doctor finds violated and Bochs does not: those that the runs have met. */
  readonly overlooked?: readonly string[];
  /** What Bochs finds wrong though no rule is violated, or for another reason than the doctor's. */
  readonly claims?: RegExp;
  /** The rule that is violated for a claim that names another one. */
  readonly violates?: string;
  /** Further conditions. */
  readonly when?: (attempt: Attempt) => boolean;
}

const touches = (attempt: Attempt, field: number, mask: bigint): boolean =>
  ((netFlips(attempt).get(field) ?? 0n) & mask) !== 0n;

const GUEST_CS_SELECTOR = 0x802;
const GUEST_CS_ACCESS_RIGHTS = 0x4816;
const GUEST_CR0 = 0x6800;
const GUEST_PENDING_DEBUG_EXCEPTIONS = 0x6822;
const RPL = 3n;
const DPL = 0x60n;
const HIGH_HALF = 0xffffffff00000000n;

export const deviations: readonly Deviation[] = [
  {
    bochs: "takes the pending debug exceptions as 32 bits",
    sdm: "3C 27.3.1.5: bits 63:17 of the pending debug exceptions must be 0",
    overlooked: ["guest.pending-debug.reserved"],
    when: (attempt) => touches(attempt, GUEST_PENDING_DEBUG_EXCEPTIONS, HIGH_HALF),
  },
  {
    bochs: "does not look at IA32_DEBUGCTL",
    sdm: '3C 27.3.1.1: with "load debug controls" the bits that are reserved in IA32_DEBUGCTL must be 0 in its field',
    overlooked: [
      "guest.debugctl.reserved",
      "guest.debugctl.bus-lock",
      "guest.debugctl.freeze-in-smm",
      "guest.debugctl.rtm",
    ],
  },
  {
    bochs: "does not look whether RIP fits the width of linear addresses",
    sdm: "3C 27.3.1.4: bits 63:N of RIP must be alike in 64-bit mode, where N is the width of linear addresses",
    overlooked: ["guest.rip.width"],
  },
  {
    bochs: "compares the DPL of a non-conforming CS with CS.RPL",
    sdm: "3C 27.3.1.2: it is the DPL of SS that it must equal",
    overlooked: ["guest.cs.dpl.non-conforming"],
  },
  {
    bochs: "refuses a non-conforming CS whose RPL is not its DPL",
    sdm: "3C 27.3.1.2: CS.RPL is only compared with SS.RPL, and only without unrestricted guest",
    claims: /^VMENTER FAIL: VMCS guest non-conforming CS\.RPL <> CS\.DPL/,
    when: (attempt) => touches(attempt, GUEST_CS_SELECTOR, RPL) || touches(attempt, GUEST_CS_ACCESS_RIGHTS, DPL),
  },
  {
    bochs: "enters an unrestricted guest in IA-32e mode without paging",
    sdm: '3C 27.3.1.1: with "IA-32e mode guest" CR0.PG must be 1',
    overlooked: ["guest.cr0.pg.ia-32e"],
  },
  {
    bochs: "does not look whether a pending single step agrees with RFLAGS.TF",
    sdm: "3C 27.3.1.5: while STI or MOV SS blocks, or in HLT, BS is pending if and only if TF is 1 and BTF is 0",
    overlooked: ["guest.pending-debug.single-step-set", "guest.pending-debug.single-step-clear"],
  },
  {
    bochs: "finds the guest's state wrong where the entry to SMM is",
    sdm: '3C 27.2.1.3: outside SMM the control "entry to SMM" must be 0, which is a matter of controls',
    overlooked: ["control.entry.entry-to-smm"],
  },
  {
    bochs: "injects any event into a guest in HLT",
    sdm: "3C 27.3.1.5: in HLT only interrupts, NMIs, #DB, #MC and pending MTF exits may be injected",
    overlooked: ["guest.activity-state.hlt-injection"],
  },
  {
    bochs: "takes code segments of type 11 for conforming ones in DS, ES, FS and GS",
    sdm: "3C 27.3.1.2: the DPL may not be below the RPL for the types 0 to 11",
    overlooked: ["guest.ds.dpl", "guest.fs.dpl"],
  },
  {
    bochs: "injects an NMI while virtual NMIs are blocked",
    sdm: '3C 27.3.1.5: with "virtual NMIs" no NMI is injected while bit 3 of the interruptibility state says so',
    overlooked: ["guest.interruptibility.nmi-virtual-nmis"],
  },
  {
    bochs: "takes bits 63:32 of CR0 for CR0.PG",
    sdm: "3C 27.3.1.1: they are fixed to 0 by IA32_VMX_CR0_FIXED1",
    claims: /^VMENTER FAIL: VMCS unrestricted guest CR0\.PG without CR0\.PE/,
    violates: "guest.cr0.fixed1",
    when: (attempt) => touches(attempt, GUEST_CR0, HIGH_HALF),
  },
  {
    bochs: "injects any event with or without an error code where IA32_VMX_BASIC[56] is 1",
    sdm: "3C 27.2.1.3: that bit is about the vectors of exceptions; no other event, and none in real mode, has an error code",
    overlooked: ["control.injection.error-code.type", "control.injection.error-code.real-mode"],
  },
];
