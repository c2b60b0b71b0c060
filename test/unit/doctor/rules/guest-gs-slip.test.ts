// A guest from a public write-up whose GS access rights went to the wrong encoding and stayed 0.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encoding, loadDoctor, subjectWith, type Values } from "../support.ts";

const UNUSABLE = 0x1_0000n;

/** The values that its author wrote, apart from GS's access rights. */
const WRITTEN: Values = {
  PIN_BASED_VM_EXECUTION_CONTROLS: 0x16n,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x0400_7172n,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0n,
  PRIMARY_VM_EXIT_CONTROLS: 0x3_6ffbn,
  VM_ENTRY_CONTROLS: 0x13fbn,
  GUEST_CR0: 0x8005_0033n,
  GUEST_CR3: 0x4_5371_0003n,
  GUEST_CR4: 0x36_26e0n,
  GUEST_DR7: 0x400n,
  GUEST_RIP: 0xffff_ffff_c070_e03an,
  GUEST_RSP: 0xffff_9866_5b0c_6000n,
  GUEST_RFLAGS: 0x246n,
  GUEST_IDTR_BASE: 0xffff_fe00_0000_0000n,
  GUEST_IDTR_LIMIT: 0xfffn,
  GUEST_GDTR_BASE: 0xffff_fe00_0010_0000n,
  GUEST_GDTR_LIMIT: 0x7fn,
  GUEST_TR_SELECTOR: 0x40n,
  GUEST_TR_ACCESS_RIGHTS: 0x8bn,
  GUEST_TR_LIMIT: 0x206fn,
  GUEST_TR_BASE: 0xffff_fe00_0010_2000n,
  ...segment("LDTR", 0n, UNUSABLE, 0n, 0n),
  ...segment("CS", 0x10n, 0xa09bn, 0xffff_ffffn, 0n),
  ...segment("SS", 0x18n, 0xc093n, 0xffff_ffffn, 0n),
  ...segment("DS", 0n, UNUSABLE, 0n, 0n),
  ...segment("ES", 0n, UNUSABLE, 0n, 0n),
  ...segment("FS", 0n, UNUSABLE, 0n, 0x7fba_89cb_3540n),
  ...segment("GS", 0n, UNUSABLE, 0n, 0xffff_9866_5fb4_0000n),
  VMCS_LINK_POINTER: (1n << 64n) - 1n,
  GUEST_IA32_DEBUGCTL: 0n,
  GUEST_IA32_PAT: 0x0407_0506_0007_0106n,
  GUEST_IA32_EFER: 0xd01n,
  GUEST_IA32_SYSENTER_CS: 0xd01n,
  GUEST_IA32_SYSENTER_ESP: 0xffff_fe00_0010_1200n,
  GUEST_IA32_SYSENTER_EIP: 0xffff_ffff_a660_1720n,
};

function segment(name: string, selector: bigint, accessRights: bigint, limit: bigint, base: bigint): Values {
  const field = (part: string): string => `GUEST_${name}_${part}`;
  return {
    [field("SELECTOR")]: selector,
    [field("ACCESS_RIGHTS")]: accessRights,
    [field("LIMIT")]: limit,
    [field("BASE")]: base,
  };
}

const doctor = await loadDoctor();

function violatedBy(changes: Values): readonly string[] {
  const values = Object.entries({ ...WRITTEN, ...changes });
  const fields = new Map(values.map(([name, value]): [number, bigint] => [encoding(name), BigInt(value ?? 0n)]));
  return doctor
    .examine({ fields })
    .findings.filter(({ rule, outcome }) => outcome === "violated" && rule.stage !== "advice")
    .map(({ rule }) => rule.slug);
}

test("a guest whose listing is right breaks no rule", () => {
  assert.deepEqual(violatedBy({}), []);
});

test("GS access rights that stayed 0 break exactly three rules", () => {
  const violated = violatedBy({ GUEST_GS_ACCESS_RIGHTS: 0n });
  assert.deepEqual([...violated].sort(), ["guest.gs.p", "guest.gs.s", "guest.gs.type.accessed"]);
});

test("the valid guest breaks none of the rules on guest state", () => {
  const violated = doctor
    .examine(subjectWith(doctor))
    .findings.filter(({ rule, outcome }) => outcome !== "holds" && rule.stage === "guest");
  assert.deepEqual(violated, []);
});
