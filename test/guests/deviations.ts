// Where a machine does not do what the SDM says, found by the checks of the test guests: a bare emulator, or Basalt on one.

/** A bare machine that runs the test guests as the reference. */
export type Reference = "bochs" | "tcg";

/** Basalt on Bochs, on TCG, and on KVM in a Linux that Bochs boots. */
export type UnderBasalt = "basalt on bochs" | "basalt on tcg" | "basalt nested";

export type DeviationPlace = Reference | UnderBasalt;

export interface Deviation {
  /** One, or all that have it: what an emulator's processor does, it may do under Basalt too. */
  readonly on: DeviationPlace | readonly DeviationPlace[];
  readonly topic: string;
  /** What the machine does instead. */
  readonly does: string;
  /** The section of the SDM that the checks hold it against. */
  readonly sdm: string;
  /** The checks that fail there. */
  readonly checks: readonly string[];
}

export const deviations: readonly Deviation[] = [
  {
    on: "bochs",
    topic: "cpuid",
    does: "one processor has a level of type 0 that has a processor",
    sdm: "2A, CPUID, leaf 0BH",
    checks: ["leaf 0BH begins with the level of threads"],
  },
  {
    on: "bochs",
    topic: "msrs",
    does: "it is configured to ignore MSRs that it does not know (ignore_bad_msrs)",
    sdm: "2B, RDMSR and WRMSR",
    checks: [
      "RDMSR of an MSR that does not exist",
      "WRMSR of an MSR that does not exist",
      "RDMSR of an MSR of C0000000H and up that does not exist",
      "RDMSR of an MSR of the hypervisors' range that does not exist",
    ],
  },
  {
    on: "bochs",
    topic: "msrs",
    does: "it takes reserved bits",
    sdm: "4 2.1",
    checks: ["TSC_AUX refuses bit 32"],
  },
  {
    on: "basalt on bochs",
    topic: "msrs",
    does: "it takes reserved bits of what passes without an exit",
    sdm: "4 2.1",
    checks: ["TSC_AUX refuses bit 32"],
  },
  {
    on: "basalt nested",
    topic: "msrs",
    does: "KVM takes addresses that are not canonical where Basalt's MSR bitmap lets the MSR pass",
    sdm: "2D, WRMSR",
    checks: ["SYSENTER_ESP refuses what is not canonical", "SYSENTER_EIP refuses what is not canonical"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "cpuid",
    does: "its #PF for a reserved bit has RSVD without P in the error code",
    sdm: "3A 4.7",
    checks: ["the bit at MAXPHYADDR is reserved in a page-table entry"],
  },
  {
    on: "tcg",
    topic: "cpuid",
    does: "it takes reserved bits of CR4",
    sdm: "3A 2.5",
    checks: [
      "setting CR4.VME faults exactly if CPUID lacks the feature",
      "setting CR4.PVI faults exactly if CPUID lacks the feature",
      "setting CR4.PCIDE faults exactly if CPUID lacks the feature",
    ],
  },
  {
    on: "tcg",
    topic: "msrs",
    does: "it reads an MSR that it does not know as 0 and takes every write",
    sdm: "2B, RDMSR and WRMSR",
    checks: [
      "RDMSR of an MSR that does not exist",
      "WRMSR of an MSR that does not exist",
      "RDMSR of an MSR of C0000000H and up that does not exist",
      "RDMSR of an MSR of the hypervisors' range that does not exist",
      "without VMX there is no VMX_BASIC",
      "without VMX there is no VMX_VMFUNC",
    ],
  },
  {
    on: "tcg",
    topic: "msrs",
    does: "it takes what it does not know of EFER, and keeps LME",
    sdm: "3A 2.2.1",
    checks: [
      "LME cannot be cleared while paging is on",
      "EFER bit 1 is reserved",
      "EFER bit 9 is reserved",
      "EFER bit 63 is reserved",
    ],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "msrs",
    does: "its #PF for a reserved bit has RSVD without P in the error code",
    sdm: "3A 4.7",
    checks: ["bit 63 of a page-table entry is reserved without NXE"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "msrs",
    does: "it takes every PAT",
    sdm: "3A 12.12.2",
    checks: [
      "PAT refuses type 2 in entry 0",
      "PAT refuses type 3 in entry 7",
      "PAT refuses type 8 in entry 4",
      "PAT refuses reserved bits of entry 2",
    ],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "msrs",
    does: "it takes every address",
    sdm: "2B, WRMSR",
    checks: [
      "SYSENTER_ESP refuses what is not canonical",
      "SYSENTER_EIP refuses what is not canonical",
      "LSTAR refuses what is not canonical",
      "FS_BASE refuses what is not canonical",
      "GS_BASE refuses what is not canonical",
      "KERNEL_GS_BASE refuses what is not canonical",
    ],
  },
  {
    on: "tcg",
    topic: "msrs",
    does: "its TSC cannot be written",
    sdm: "3B 18.17.3",
    checks: ["a write to the TSC sets its upper half"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "msrs",
    does: "it takes reserved bits",
    sdm: "4 2.1",
    checks: ["TSC_AUX refuses bit 32"],
  },
  {
    on: "tcg",
    topic: "msrs",
    does: "it takes reserved bits, and a disabled APIC stays so until reset",
    sdm: "3A 11.4.4",
    checks: [
      "APIC_BASE bit 0 is reserved",
      "APIC_BASE bit 9 is reserved",
      "APIC_BASE bits above MAXPHYADDR are reserved",
      "APIC_BASE refuses x2APIC mode of a disabled APIC",
      "a refused write leaves APIC_BASE as it was",
    ],
  },
  {
    on: "tcg",
    topic: "msrs",
    does: "it checks no MTRR",
    sdm: "3A 12.11",
    checks: [
      "MTRRCAP cannot be written",
      "MTRR_DEF_TYPE refuses type 2",
      "MTRR_DEF_TYPE refuses type 7",
      "MTRR_DEF_TYPE bit 12 is reserved",
      "MTRR_PHYSBASE0 refuses type 3",
      "MTRR_PHYSBASE0 bit 8 is reserved",
      "MTRR_PHYSBASE0 bit 63 is reserved",
      "MTRR_PHYSMASK0 bit 0 is reserved",
      "MTRR_PHYSMASK0 bit 63 is reserved",
      "MTRR_FIX64K_00000 refuses type 2",
      "MTRR_FIX64K_00000 refuses type 7",
    ],
  },
  {
    on: "tcg",
    topic: "control",
    does: "it takes every value of CR0",
    sdm: "2B, MOV to control registers",
    checks: ["CR0.NW without CD"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "control",
    does: "it takes every value of CR0",
    sdm: "2B, MOV to control registers",
    checks: ["CR0 bit 32 is reserved", "CR0 bit 63 is reserved"],
  },
  {
    on: "tcg",
    topic: "control",
    does: "it takes every value, of which the lower four bits count",
    sdm: "3A 11.8.6",
    checks: ["CR8 is the class of the local APIC's task priority", "CR8 bit 4 is reserved"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "control",
    does: "it takes LOCK for AMD's way to CR8",
    sdm: "2B, MOV to control registers",
    checks: ["MOV of a control register takes no LOCK"],
  },
  {
    on: "tcg",
    topic: "control",
    does: "it has no RDPMC",
    sdm: "2B, RDPMC",
    checks: ["RDPMC of a counter that does not exist"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "control",
    does: "it takes every address",
    sdm: "2D, WRGSBASE",
    checks: ["WRGSBASE refuses what is not canonical"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "control",
    does: "it has RDSEED although CPUID says that it has not",
    sdm: "2B, RDSEED",
    checks: ["RDSEED where CPUID does not have it"],
  },
  {
    on: "tcg",
    topic: "modes",
    does: "it takes reserved bits of CR4",
    sdm: "2B, MOV to control registers",
    checks: ["PCIDE cannot be set outside of long mode"],
  },
  {
    on: "tcg",
    topic: "modes",
    does: "it takes every value of CR0",
    sdm: "2B, MOV to control registers",
    checks: ["NW without CD in protected mode"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "modes",
    does: "it walks PDPTEs in memory and checks none",
    sdm: "3A 4.4.1",
    checks: ["MOV to CR3 refuses a PDPTE with reserved bits", "a PDPTE counts as it was when CR3 was loaded"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "modes",
    does: "it checks no limits of segments",
    sdm: "3A 5.3",
    checks: ["an access beyond 64 KiB in real mode raises #GP"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "segmentation",
    does: "it finds out behind the transfer",
    sdm: "2B, RET",
    checks: ["a far return to code with both L and D"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "exceptions",
    does: "a stack access that is not canonical is #GP",
    sdm: "3A 6.15, #SS",
    checks: [
      "a read at a non-canonical address through RBP",
      "PUSH to a non-canonical address",
      "#SS on the way to the handler of #UD",
    ],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "exceptions",
    does: "it finds out behind the branch",
    sdm: "2B, RET",
    checks: ["RET to a non-canonical address", "JMP to a non-canonical address"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "exceptions",
    does: "it raises no SSE exceptions",
    sdm: "3A 6.15, #XM",
    checks: [
      "SSE with an unmasked exception",
      "SSE with an unmasked exception without CR4.OSXMMEXCPT",
      "LDMXCSR with reserved bits",
      "SSE with an unmasked exception in protected mode",
    ],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "exceptions",
    does: "it has no alignment check",
    sdm: "3A 6.15, #AC",
    checks: ["an unaligned read at level 3 with CR0.AM and AC"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "exceptions",
    does: "it has no INT1",
    sdm: "2A, INT n/INTO/INT3/INT1",
    checks: ["INT1"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "exceptions",
    does: "its selector error codes count gates of 16 bytes, and never have EXT",
    sdm: "3A 6.13",
    checks: [
      "INT n without a gate",
      "INT n with a gate that is not present",
      "#UD with a gate that is not present",
      "INT n at level 3 through a gate of level 0",
      "INT n beyond the IDT's limit",
    ],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "exceptions",
    does: "it never sets RF",
    sdm: "3A 6.8.3",
    checks: ["RF is set in the frame of a fault"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "debug",
    does: "it does not hold the trap back",
    sdm: "3A 6.8.3",
    checks: ["a breakpoint on the operand of MOV to SS traps behind the next instruction"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "debug",
    does: "it has no general detect",
    sdm: "3B 18.2.4",
    checks: ["with GD an access to a debug register faults", "DR6 tells general detect", "GD is clear in the handler"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "debug",
    does: "it has no INT1",
    sdm: "2A, INT n/INTO/INT3/INT1",
    checks: ["INT1"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "xsave",
    does: "it does not look at CR0.TS",
    sdm: "2D, XSAVE",
    checks: ["XSAVE with CR0.TS"],
  },
  {
    on: "tcg",
    topic: "strings",
    does: "it checks no limits of segments",
    sdm: "3A 5.3",
    checks: ["REP INSB across the limit of ES in protected mode", "ECX is what is left to do in protected mode"],
  },
  {
    on: "tcg",
    topic: "memory",
    does: "it reads zeros where nothing is",
    sdm: "none, the PC's bus",
    checks: [
      "a byte where no RAM is reads as ones",
      "a word where no RAM is reads as ones",
      "a doubleword where no RAM is reads as ones",
      "a quadword where no RAM is reads as ones",
      "a quadword across two pages without RAM reads as ones",
      "a write where no RAM is does nothing",
      "an OR with what is not there",
      "a CMP with what is not there",
      "MOVSD from where no RAM is reads ones",
    ],
  },
  {
    on: "tcg",
    topic: "tsc",
    does: "its TSC cannot be written",
    sdm: "3B 18.17.3",
    checks: ["the TSC goes on from a high value that is written", "it does so behind CPUID"],
  },
  {
    on: ["tcg", "basalt on tcg"],
    topic: "tasks",
    does: "it has no debug trap of a TSS",
    sdm: "3A 7.2.1",
    checks: ["the debug trap of a TSS", "DR6 tells the debug trap of a TSS"],
  },
  {
    on: "bochs",
    topic: "pc",
    does: "it keeps a deadline whose interrupt has come",
    sdm: "3A 11.5.4.1",
    checks: ["a deadline that is over is none, by xAPIC", "a deadline that is over is none, by x2APIC"],
  },
  {
    on: "basalt nested",
    topic: "interrupts",
    does:
      "behind an NMI that waited for its window no other one comes to a nested guest; in Bochs and TCG it does, and whose " +
      "fault it is has not been found out yet",
    sdm: "3A 6.7",
    checks: ["any IRET in the handler lets the next NMI come", "NMIs come again behind the last IRET"],
  },
  {
    on: "basalt nested",
    topic: "control",
    does: "KVM has the nested guest read back the value that it wrote to CR0, ET included",
    sdm: "3A 2.5",
    checks: ["CR0.ET is always set"],
  },
  {
    on: "basalt nested",
    topic: "control",
    does: "KVM offers UMIP where the processor has none, by descriptor-table exits, which SMSW is no part of",
    sdm: "3A 2.5",
    checks: ["SMSW with CR4.UMIP at privilege level 3"],
  },
  {
    on: "basalt on tcg",
    topic: "vmx",
    does:
      "VMRUN demands EFER.SVME of a guest's state, so that the guest's processor has SVM's instructions: they raise #GP " +
      "before they are intercepted, for a privilege level or an address",
    sdm: "APM 2 15.5.1",
    checks: [
      "VMRUN",
      "VMRUN at privilege level 3",
      "VMLOAD",
      "VMLOAD at privilege level 3",
      "VMSAVE",
      "VMSAVE at privilege level 3",
      "STGI at privilege level 3",
      "CLGI at privilege level 3",
      "INVLPGA at privilege level 3",
    ],
  },
  {
    on: "basalt on tcg",
    topic: "cpuid",
    does: "its CPU is of AMD's",
    sdm: "2A, CPUID, leaf 0; APM 3, CPUID Fn0000_0000",
    checks: ["vendor in EBX is Genu", "vendor in EDX is ineI", "vendor in ECX is ntel"],
  },
  {
    on: "basalt on tcg",
    topic: "msrs",
    does: "its CPU is of AMD's, which have no SYSENTER and no SYSEXIT in long mode",
    sdm: "2B, SYSENTER and SYSEXIT; APM 3, the same",
    checks: [
      "SYSENTER with a null SYSENTER_CS",
      "SYSEXIT with a null SYSENTER_CS",
      "SYSENTER loads RSP",
      "SYSENTER loads CS",
      "SYSENTER loads SS",
      "SYSEXIT goes to privilege level 3 and CS behind SYSENTER_CS",
      "SYSEXIT loads RSP from RCX",
      "SYSEXIT loads SS behind SYSENTER_CS",
    ],
  },
];

/** The checks of `topic` that fail on `on`. */
export function knownToFail(on: DeviationPlace, topic: string): string[] {
  const rows = deviations.filter((deviation) => [deviation.on].flat().includes(on) && deviation.topic === topic);
  return rows.flatMap(({ checks }) => checks);
}
