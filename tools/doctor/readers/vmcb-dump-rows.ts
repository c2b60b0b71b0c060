// What the keys of KVM's dump_vmcb mean (4.1 to 6.18): the VMCB's field, and how its value is printed.

export interface ValueRow {
  /** The field's name. */
  readonly name: string;
  readonly isDecimal?: boolean;
  /** Of a key that gives a part of the field: how many bits, and where they begin. */
  readonly bits?: number;
  readonly shift?: number;
}

const low = (name: string, bits: number): ValueRow => ({ name, bits, shift: 0 });
const high = (name: string, bits: number): ValueRow => ({ name, bits, shift: bits });
const decimal = (name: string): ValueRow => ({ name, isDecimal: true });

const ROWS: Readonly<Record<string, ValueRow>> = {
  cr_read: low("CR_INTERCEPTS", 16),
  cr_write: high("CR_INTERCEPTS", 16),
  dr_read: low("DR_INTERCEPTS", 16),
  dr_write: high("DR_INTERCEPTS", 16),
  exceptions: { name: "EXCEPTION_INTERCEPTS" },
  "pause filter count": decimal("PAUSE_FILTER_COUNT"),
  "pause filter threshold": decimal("PAUSE_FILTER_THRESHOLD"),
  iopm_base_pa: { name: "IOPM_BASE_PA" },
  msrpm_base_pa: { name: "MSRPM_BASE_PA" },
  tsc_offset: { name: "TSC_OFFSET" },
  asid: decimal("GUEST_ASID"),
  tlb_ctl: decimal("TLB_CONTROL"),
  int_ctl: low("VINTR", 32),
  int_vector: high("VINTR", 32),
  int_state: { name: "INTERRUPT_STATE" },
  exit_code: { name: "EXITCODE" },
  exit_info1: { name: "EXITINFO1" },
  exit_info2: { name: "EXITINFO2" },
  exit_int_info: low("EXITINTINFO", 32),
  exit_int_info_err: high("EXITINTINFO", 32),
  nested_ctl: decimal("NESTED_CONTROL"),
  misc_ctl: decimal("NESTED_CONTROL"),
  nested_cr3: { name: "N_CR3" },
  avic_vapic_bar: { name: "AVIC_APIC_BAR" },
  ghcb: { name: "GHCB" },
  event_inj: low("EVENTINJ", 32),
  event_inj_err: high("EVENTINJ", 32),
  virt_ext: decimal("LBR_CONTROL"),
  misc_ctl2: decimal("LBR_CONTROL"),
  next_rip: { name: "NRIP" },
  avic_backing_page: { name: "AVIC_BACKING_PAGE" },
  avic_logical_id: { name: "AVIC_LOGICAL_TABLE" },
  avic_physical_id: { name: "AVIC_PHYSICAL_TABLE" },
  vmsa_pa: { name: "VMSA" },
  cpl: decimal("CPL"),
  gpat: { name: "G_PAT" },
  excp_from: { name: "LASTEXCPFROM" },
  excp_to: { name: "LASTEXCPTO" },
};

/** Keys that are their fields' names in lower case. */
const PLAIN = new Set(
  (
    "efer cr0 cr2 cr3 cr4 dr6 dr7 rip rflags rsp rax star lstar cstar sfmask kernel_gs_base sysenter_cs sysenter_esp " +
    "sysenter_eip dbgctl br_from br_to s_cet ssp isst_addr"
  ).split(" "),
);

/** What a key means; null where it means nothing that the VMCB's table has. */
export function rowOf(key: string): ValueRow | null {
  const name = key.toLowerCase();
  if (Object.hasOwn(ROWS, name)) return ROWS[name] ?? null;
  return PLAIN.has(name) ? { name: name.toUpperCase() } : null;
}

/** The letters of a segment register's line, and the parts that they are. */
export const SEGMENT_PARTS = [
  { letter: "s", part: "SEL" },
  { letter: "a", part: "ATTRIB" },
  { letter: "l", part: "LIMIT" },
  { letter: "b", part: "BASE" },
] as const;

/** Whether a line is a segment register's or a descriptor table's. */
export function isSegmentRow(text: string): boolean {
  return /^(?:es|cs|ss|ds|fs|gs|gdtr|ldtr|idtr|tr): +s:/i.test(text);
}
