// Why Bochs 2.7 refuses a VM entry, as its log words it, and the doctor's rules that say the same.

/** A message, and slugs: `$1` is what the message names, in small letters. Of several rows the first counts. */
type Reason = readonly [message: RegExp, ...slugs: string[]];

export const reasons: readonly Reason[] = [
  // SDM 3C 27.2.1.1.
  [/^VMFAIL: VMCS EXEC CTRL: VMX pin-based controls allowed ([01])-settings/, "control.pin.allowed-$1"],
  [/^VMFAIL: VMCS EXEC CTRL: VMX proc-based controls allowed ([01])-settings/, "control.primary.allowed-$1"],
  [
    /^VMFAIL: VMCS EXEC CTRL: VMX secondary (?:proc-based )?controls allowed ([01])-settings/,
    "control.secondary.allowed-$1",
  ],
  [/^VMFAIL: VMCS EXEC CTRL: too may CR3 targets/, "control.cr3-target-count"],
  [/^VMFAIL: VMCS EXEC CTRL: I\/O bitmap ([AB]) phy addr malformed/, ...address("control.io-bitmap-$1")],
  [/^VMFAIL: VMCS EXEC CTRL: MSR bitmap phy addr malformed/, ...address("control.msr-bitmaps")],
  [
    /^VMFAIL: VMCS EXEC CTRL: misconfigured virtual NMI control/,
    "control.virtual-nmis.needs-nmi-exiting",
    "control.nmi-window-exiting.needs-virtual-nmis",
  ],
  [/^VMFAIL: VMCS EXEC CTRL: (VMREAD|VMWRITE) bitmap phy addr malformed/, ...address("control.$1-bitmap")],
  [
    /^VMFAIL: VMCS EXEC CTRL: broken #VE information address/,
    ...address("control.virtualization-exception-information"),
  ],
  [/^VMFAIL: VMCS EXEC CTRL: virtual apic phy addr malformed/, ...address("control.virtual-apic")],
  [
    /^VMFAIL: VMCS EXEC CTRL: virtual interrupt delivery must be set together with external interrupt exiting/,
    "control.virtual-interrupt-delivery.needs-external-interrupt-exiting",
  ],
  [/^VMFAIL: VMCS EXEC CTRL: TPR threshold too big/, "control.tpr-threshold.reserved"],
  [/^VMFAIL: VMCS EXEC CTRL: TPR threshold > TPR shadow/, "control.tpr-threshold.vtpr"],
  [
    /^VMFAIL: VMCS EXEC CTRL: apic virtualization is enabled without TPR shadow/,
    "control.x2apic-mode.needs-tpr-shadow",
    "control.apic-register-virtualization.needs-tpr-shadow",
    "control.virtual-interrupt-delivery.needs-tpr-shadow",
  ],
  [/^VMFAIL: VMCS EXEC CTRL: apic access page phy addr malformed/, ...address("control.apic-access")],
  [
    /^VMFAIL: VMCS EXEC CTRL: virtualize X2APIC mode enabled together with APIC access virtualization/,
    "control.x2apic-mode.without-apic-accesses",
  ],
  [/^is_eptptr_valid: EPTPTR A\/D enabled when not supported by CPU/, "control.eptp.accessed-dirty"],
  [/^is_eptptr_valid: EPTPTR CET supervisor shadow stack control bit/, "control.eptp.supervisor-shadow-stack"],
  [/^is_eptptr_valid: EPTPTR reserved bits set/, "control.eptp.reserved"],
  [
    /^VMFAIL: VMCS EXEC CTRL: invalid EPTPTR value/,
    "control.eptp.memory-type",
    "control.eptp.walk-length",
    "control.eptp.accessed-dirty",
    "control.eptp.supervisor-shadow-stack",
    "control.eptp.reserved",
    "control.eptp.maxphyaddr",
  ],
  [/^VMFAIL: VMCS EXEC CTRL: unrestricted guest without EPT/, "control.unrestricted-guest.needs-ept"],
  [/^VMFAIL: VMCS EXEC CTRL: guest VPID == 0/, "control.vpid.zero"],
  [/^VMFAIL: VMCS VM Functions control reserved bits set/, "control.vm-functions.reserved"],
  [/^VMFAIL: VMFUNC EPTP-SWITCHING: EPT disabled/, "control.eptp-switching.needs-ept"],
  [/^VMFAIL: VMFUNC EPTP-SWITCHING: eptp list phy addr malformed/, ...address("control.eptp-list")],
  [/^VMFAIL: VMCS EXEC CTRL: PML is enabled without EPT/, "control.pml.needs-ept"],
  [/^VMFAIL: VMCS EXEC CTRL: PML base phy addr malformed/, ...address("control.pml")],
  [/^VMFAIL: VMCS EXEC CTRL: SPP is enabled without EPT/, "control.sub-page-write-permissions.needs-ept"],
  [/^VMFAIL: VMCS EXEC CTRL: SPP base phy addr malformed/, ...address("control.spptp")],
  [/^VMFAIL: VMCS EXEC CTRL: TSC multiplier should be non zero/, "control.tsc-multiplier.zero"],

  // SDM 3C 27.2.1.2 and 27.2.1.3.
  [/^VMFAIL: VMCS EXEC CTRL: VMX vmexit controls allowed ([01])-settings/, "control.exit.allowed-$1"],
  [/^VMFAIL: save_VMX_preemption_timer VMEXIT control is set/, "control.exit.save-preemption-timer"],
  [/^VMFAIL: VMCS VMEXIT CTRL: msr (store|load) addr (?:malformed|too high)/, ...msrArea("control.exit-msr-$1")],
  [/^VMFAIL: VMCS EXEC CTRL: VMX vmentry controls allowed ([01])-settings/, "control.entry.allowed-$1"],
  [/^VMFAIL: VMENTRY from outside SMM with dual-monitor treatment enabled/, "control.entry.deactivate-dual-monitor"],
  [/^VMFAIL: VMCS VMENTRY CTRL: msr load addr (?:malformed|too high)/, ...msrArea("control.entry-msr-load")],
  [/^VMFAIL: VMENTRY broken interruption info field/, "control.injection.reserved", "control.injection.nested"],
  [
    /^VMFAIL: VMENTRY bad injected event vector/,
    "control.injection.nmi.vector",
    "control.injection.hardware-exception.vector",
  ],
  [
    /^VMFAIL: VMENTRY bad injected event instr length/,
    "control.injection.instruction-length",
    "control.injection.zero-length",
  ],
  [/^VMFAIL: VMENTRY bad MTF injection/, "control.injection.other-event.vector"],
  [/^VMFAIL: VMENTRY bad injected event type/, "control.injection.type.reserved"],
  [
    /^VMFAIL: VMENTRY injected event vector -?\d+ broken error code/,
    "control.injection.error-code.type",
    "control.injection.error-code.required",
    "control.injection.error-code.refused",
    "control.injection.error-code.real-mode",
  ],
  [/^VMFAIL: VMENTRY bad error code/, "control.injection.error-code.reserved"],

  // SDM 3C 27.2.2 to 27.2.4.
  [/^VMFAIL: VMCS x86-64 host control invalid on VMENTRY/, "host.address-space-size.in-ia-32e-mode"],
  [/^VMFAIL: VMCS host state invalid CR0/, "host.cr0.fixed0", "host.cr0.fixed1"],
  [/^VMFAIL: VMCS host state invalid CR3/, "host.cr3.maxphyaddr", "host.cr3.lam"],
  [/^VMFAIL: VMCS host state invalid CR4/, "host.cr4.fixed0", "host.cr4.fixed1"],
  [/^VMFAIL: VMCS host segreg 0 TI\/RPL != 0/, "host.es.selector.rpl-ti"],
  [/^VMFAIL: VMCS host segreg 1 TI\/RPL != 0/, "host.cs.selector.rpl-ti"],
  [/^VMFAIL: VMCS host segreg 2 TI\/RPL != 0/, "host.ss.selector.rpl-ti"],
  [/^VMFAIL: VMCS host segreg 3 TI\/RPL != 0/, "host.ds.selector.rpl-ti"],
  [/^VMFAIL: VMCS host segreg 4 TI\/RPL != 0/, "host.fs.selector.rpl-ti"],
  [/^VMFAIL: VMCS host segreg 5 TI\/RPL != 0/, "host.gs.selector.rpl-ti"],
  [/^VMFAIL: VMCS host (CS|SS) selector 0/, "host.$1.selector.null"],
  [/^VMFAIL: VMCS invalid host TR selector/, "host.tr.selector.rpl-ti", "host.tr.selector.null"],
  [/^VMFAIL: VMCS host (TR|FS|GS|GDTR|IDTR) BASE non canonical/, "host.$1.base.canonical"],
  [/^VMFAIL: VMCS host SYSENTER_(ESP|EIP)_MSR non canonical/, "host.sysenter-$1.canonical"],
  [/^VMFAIL: invalid Memory Type in host MSR_PAT/, "host.pat.memory-type"],
  [/^VMFAIL: VMCS host EFER reserved bits set/, "host.efer.reserved"],
  [/^VMFAIL: VMCS host EFER \(0x\w+\) inconsistent value/, "host.efer.lma", "host.efer.lme"],
  [/^VMFAIL: VMCS host CR4\.PAE=0 with x86-64 host/, "host.cr4.pae"],
  [/^VMFAIL: VMCS host RIP non-canonical/, "host.rip.canonical"],
  [/^VMFAIL: VMCS host IA32_S_CET\/EB_LEG_BITMAP_BASE non canonical/, "host.s-cet.canonical"],
  [/^VMFAIL: VMCS host IA32_S_CET invalid/, "host.s-cet.reserved", "host.s-cet.suppress-tracker"],
  [/^VMFAIL: VMCS host SSP non canonical/, "host.ssp.canonical"],
  [/^VMFAIL: VMCS host SSP\[1:0\] not zero/, "host.ssp.alignment"],
  [/^VMFAIL: VMCS host INTERRUPT_SSP_TABLE_ADDR non canonical/, "host.interrupt-ssp-table.canonical"],
  [/^FAIL: VMCS host CR4\.CET=1 when CR0\.WP=0/, "host.cr4.cet"],
  [/^VMFAIL: invalid host IA32_PKRS value/, "host.pkrs.reserved"],

  // SDM 3C 27.3.1.1 and 27.3.1.4.
  [/^VMENTER FAIL: RFLAGS reserved bits are set/, "guest.rflags.reserved"],
  [/^VMENTER FAIL: RFLAGS\[1\] cleared/, "guest.rflags.bit-1"],
  [/^VMENTER FAIL: Enter to x86-64 guest with RFLAGS\.VM/, "guest.rflags.vm"],
  [/^VMENTER FAIL: VMCS guest invalid CR0/, "guest.cr0.fixed0", "guest.cr0.fixed1"],
  [/^VMENTER FAIL: VMCS unrestricted guest CR0\.PG without CR0\.PE/, "guest.cr0.pg.pe"],
  [/^VMENTER FAIL: VMCS guest invalid CR3/, "guest.cr3.maxphyaddr", "guest.cr3.lam"],
  [/^VMENTER FAIL: VMCS guest invalid CR4/, "guest.cr4.fixed0", "guest.cr4.fixed1"],
  [/^VMENTER FAIL: VMCS guest CR4\.PAE=0 in x86-64 mode/, "guest.cr4.pae.ia-32e"],
  [/^VMENTER FAIL: VMCS CR4\.PCIDE set in 32-bit guest/, "guest.cr4.pcide"],
  [/^VMENTER FAIL: VMCS guest invalid DR7/, "guest.dr7.upper"],
  [/^VMENTER FAIL: VMCS guest SYSENTER_(ESP|EIP)_MSR non canonical/, "guest.sysenter-$1.canonical"],
  [/^VMENTER FAIL: invalid Memory Type in guest MSR_PAT/, "guest.pat"],
  [/^VMENTER FAIL: VMCS guest EFER reserved bits set/, "guest.efer.reserved"],
  [/^VMENTER FAIL: VMCS guest EFER\.LMA doesn't match x86_64_guest/, "guest.efer.lma"],
  [/^VMENTER FAIL: VMCS guest EFER \(0x\w+\) inconsistent value/, "guest.efer.lme"],
  [/^VMENTER FAIL: VMCS guest RIP > 32 bit/, "guest.rip.upper"],

  // SDM 3C 27.3.1.2 and 27.3.1.3.
  [/^VMENTER FAIL: VMCS v8086 guest bad (..)\.BASE/, "guest.$1.base.virtual-8086"],
  [/^VMENTER FAIL: VMCS v8086 guest (..)\.LIMIT != 0xFFFF/, "guest.$1.limit.virtual-8086"],
  [/^VMENTER FAIL: VMCS v8086 guest (..)\.AR != 0xF3/, "guest.$1.access-rights.virtual-8086"],
  [
    /^VMENTER FAIL: VMCS guest IDTR\/IDTR\.BASE non canonical/,
    "guest.gdtr.base.canonical",
    "guest.idtr.base.canonical",
  ],
  [/^VMENTER FAIL: VMCS guest GDTR\/IDTR limit > 0xFFFF/, "guest.gdtr.limit", "guest.idtr.limit"],
  [/^VMENTER FAIL: VMCS guest (\w+)\.BASE non canonical/, "guest.$1.base.canonical"],
  [/^VMENTER FAIL: VMCS guest (..)\.BASE > 32 bit/, "guest.$1.base.upper"],
  [/^VMENTER FAIL: VMCS guest (..) not segment/, "guest.$1.s"],
  [/^VMENTER FAIL: VMCS guest (\w+) not present/, "guest.$1.p"],
  [
    /^VMENTER FAIL: VMCS guest (\w+)\.AR\/LIMIT malformed/,
    "guest.$1.access-rights.reserved",
    "guest.$1.g.byte",
    "guest.$1.g.page",
  ],
  [/^VMENTER FAIL: VMCS guest non-conforming CS\.RPL <> CS\.DPL/, "guest.cs.dpl.non-conforming"],
  [/^VMENTER FAIL: VMCS guest non-conforming CS\.RPL < CS\.DPL/, "guest.cs.dpl.conforming"],
  [/^VMENTER FAIL: VMCS unrestricted guest (CS)\.DPL != 0/, "guest.$1.dpl.data"],
  [/^VMENTER FAIL: VMCS guest CS\.TYPE/, "guest.cs.type"],
  [/^VMENTER FAIL: VMCS x86_64 guest wrong CS\.D_B\/L/, "guest.cs.d-b"],
  [/^VMENTER FAIL: VMCS guest SS\.TYPE/, "guest.ss.type"],
  [/^VMENTER FAIL: VMCS guest (..) not ACCESSED/, "guest.$1.type.accessed"],
  [/^VMENTER FAIL: VMCS guest CODE segment (..) not READABLE/, "guest.$1.type.readable"],
  [/^VMENTER FAIL: VMCS guest non-conforming (..)\.RPL < \1\.DPL/, "guest.$1.dpl"],
  [/^VMENTER FAIL: VMCS guest CS\.RPL != SS\.RPL/, "guest.ss.selector.rpl"],
  [/^VMENTER FAIL: VMCS guest SS\.RPL <> SS\.DPL/, "guest.ss.dpl.rpl"],
  [/^VMENTER FAIL: VMCS unrestricted guest SS\.DPL != 0/, "guest.ss.dpl.zero"],
  [/^VMENTER FAIL: VMCS guest (LDTR|TR)\.TI set/, "guest.$1.selector.ti"],
  [/^VMENTER FAIL: VMCS guest incorrect (LDTR|TR) type/, "guest.$1.type"],
  [/^VMENTER FAIL: VMCS guest (LDTR|TR) is not system segment/, "guest.$1.s"],
  [/^VMENTER FAIL: VMCS guest TR invalid/, "guest.tr.usable"],

  // SDM 3C 27.3.1.5 and 27.3.1.6.
  [/^VMFAIL: VMCS link pointer malformed/, "guest.link-pointer.alignment", "guest.link-pointer.maxphyaddr"],
  [/^VMFAIL: VMCS link pointer must indicate shadow VMCS/, "guest.link-pointer.shadow"],
  // With bit 31 set the number is negative.
  [/^VMFAIL: VMCS link pointer incorrect revision ID -/, "guest.link-pointer.shadow", "guest.link-pointer.revision"],
  [/^VMFAIL: VMCS link pointer incorrect revision ID/, "guest.link-pointer.revision"],
  [/^VMFAIL: VMCS link pointer equal to current VMCS pointer/, "guest.link-pointer.current-vmcs"],
  [
    /^VMENTER FAIL: VMCS guest tmpDR6 reserved bits/,
    "guest.pending-debug.reserved",
    "guest.pending-debug.bus-lock",
    "guest.pending-debug.rtm-supported",
  ],
  [/^VMENTER FAIL: VMCS guest activity state/, "guest.activity-state.range", "guest.activity-state.supported"],
  [/^VMENTER FAIL: VMCS guest HLT state with SS\.DPL/, "guest.activity-state.hlt-ss-dpl"],
  [
    /^VMENTER FAIL: VMCS guest interruptibility state broken when entering non active CPU state/,
    "guest.activity-state.blocking",
  ],
  [
    /^VMENTER FAIL: VMCS guest interruptibility state broken/,
    "guest.interruptibility.reserved",
    "guest.interruptibility.enclave-sgx",
    "guest.interruptibility.sti-and-mov-ss",
  ],
  [
    /^VMENTER FAIL: VMCS guest interrupts can't be blocked by STI when EFLAGS\.IF = 0/,
    "guest.interruptibility.sti-without-if",
  ],
  [
    /^VMENTER FAIL: VMCS guest interrupts blocked when injecting external interrupt/,
    "guest.interruptibility.external-interrupt",
    "guest.rflags.if",
  ],
  [
    /^VMENTER FAIL: VMCS guest interrupts blocked when injecting NMI/,
    "guest.interruptibility.sti-nmi",
    "guest.interruptibility.mov-ss-nmi",
  ],
  [
    /^VMENTER FAIL: No guest interruptions are allowed when entering Wait-For-Sipi state/,
    "guest.activity-state.wait-for-sipi-injection",
  ],
  [
    /^VMENTER FAIL: Only NMI or #MC guest interruption is allowed when entering shutdown state/,
    "guest.activity-state.shutdown-injection",
  ],
  [/^VMENTER FAIL: VMCS SMM guest should block SMI/, "guest.interruptibility.smi-entry-to-smm"],
  [/^VMENTER FAIL: VMCS SMI blocked when not in SMM mode/, "guest.interruptibility.smi-outside-smm"],
  [
    /^VMENTER: (?:EPT )?Guest State PDPTRs Checks Failed/,
    ...[0, 1, 2, 3].flatMap((n) => [`guest.pdpte${n}.reserved`, `guest.pdpte${n}.maxphyaddr`]),
  ],

  // SDM 3C 27.4.
  [/^VMX LoadMSRs \d+: broken msr index/, "msr.index.reserved"],
  [/^VMX LoadMSRs \d+: unable to restore FSBASE or GSBASE/, "msr.fs-base", "msr.gs-base"],
  [/^VMX LoadMSRs \d+: unable to restore X2APIC range MSR/, "msr.x2apic"],
  [/^WRMSR: attempt to write non-canonical value to MSR_KERNELGSBASE/, "msr.kernel-gs-base.canonical"],
  [/^WRMSR: attempt to write non-canonical value to MSR_([LC]STAR)/, "msr.$1.canonical"],
];

/** Lines that tell of something else: what a guest did that was entered, or the end of every refusal. */
const besides: readonly RegExp[] = [
  /^VMEXIT: (?:Guest State Checks Failed|Error when loading guest MSR number)/,
  /^set_segment_ar_data\(\): case \d+ unsupported/,
  // The line before says why.
  /^VMX LoadMSRs \d+: unable to set up MSR/,
];

function address(slug: string): string[] {
  return [`${slug}.alignment`, `${slug}.maxphyaddr`];
}

function msrArea(slug: string): string[] {
  return ["alignment", "maxphyaddr", "last-byte"].map((part) => `${slug}.${part}`);
}

/** The slugs that a message of Bochs's stands for; null where the table lacks it, empty where it gives no reason. */
export function slugsOf(message: string): readonly string[] | null {
  if (besides.some((pattern) => pattern.test(message))) return [];
  for (const [pattern, ...slugs] of reasons) {
    const [found, name = ""] = pattern.exec(message) ?? [];
    if (found !== undefined) return slugs.map((slug) => slug.replace("$1", name.toLowerCase()));
  }
  return null;
}
