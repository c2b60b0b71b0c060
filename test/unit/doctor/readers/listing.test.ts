// Free listings: the forms of lines and numbers, headings and registers with their parts, and what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodingOf } from "../../../../tools/doctor/fields.ts";
import { caseFile, dumpOf, refusalOf, textAt, valueOf, valuesOf } from "./read.ts";

test("case 2's listing gives its 57 fields and IA32_VMX_BASIC, each with its place", () => {
  const text = caseFile("printk-invalid-guest-state.txt");
  const dump = dumpOf(text);
  assert.equal(dump.format, "listing");
  assert.equal(dump.fields.size, 57);
  assert.deepEqual(
    valuesOf(dump, "PIN_BASED_VM_EXECUTION_CONTROLS", "PRIMARY_VM_EXIT_CONTROLS", "VM_ENTRY_CONTROLS", "GUEST_CR0"),
    [0x16n, 0x36ffbn, 0x13fbn, 0x80050033n],
  );
  assert.deepEqual(
    valuesOf(dump, "GUEST_IDTR_BASE", "GUEST_IDTR_LIMIT", "GUEST_GDTR_LIMIT", "GUEST_TR_SELECTOR", "GUEST_TR_LIMIT"),
    [0xfffffe0000000000n, 0xfffn, 0x7fn, 0x40n, 0x206fn],
  );
  assert.deepEqual(valuesOf(dump, "GUEST_GS_SELECTOR", "GUEST_GS_ACCESS_RIGHTS", "GUEST_GS_LIMIT", "GUEST_GS_BASE"), [
    0n,
    0x10000n,
    0n,
    0xffff98665fb40000n,
  ]);
  assert.deepEqual(valuesOf(dump, "VMCS_LINK_POINTER", "GUEST_IA32_DEBUGCTL", "GUEST_IA32_PAT", "GUEST_IA32_EFER"), [
    0xffffffffffffffffn,
    0n,
    0x407050600070106n,
    0xd01n,
  ]);
  assert.deepEqual(valuesOf(dump, "GUEST_IA32_SYSENTER_CS", "GUEST_IA32_SYSENTER_ESP", "GUEST_IA32_SYSENTER_EIP"), [
    0xd01n,
    0xfffffe0000101200n,
    0xffffffffa6601720n,
  ]);
  assert.deepEqual(valuesOf(dump, "HOST_RIP", "HOST_RSP"), [0xffffffffc070e000n, 0xffff98665b0c6000n]);
  assert.deepEqual([...dump.capabilities.keys()], ["IA32_VMX_BASIC"]);
  assert.equal(dump.capabilities.get("IA32_VMX_BASIC")?.value, 0xda040000000004n);
  assert.equal(textAt(text, dump, "GUEST_GS_ACCESS_RIGHTS"), "0x10000");
  assert.equal(dump.fields.get(encodingOf("GUEST_GS_ACCESS_RIGHTS"))?.place.line, 54);
  assert.deepEqual(dump.notes, []);
});

const FORMS: readonly (readonly [line: string, identifier: string, value: bigint])[] = [
  ["GUEST_CR0: 0x80050033", "GUEST_CR0", 0x80050033n],
  ["GUEST_CR0 = 0x80050033", "GUEST_CR0", 0x80050033n],
  ["GUEST_CR0 0x80050033", "GUEST_CR0", 0x80050033n],
  ["GUEST_CR0=0x80050033;", "GUEST_CR0", 0x80050033n],
  ["  .guest_cr0 = 0x8005_0033UL, // PG, WP", "GUEST_CR0", 0x80050033n],
  ["- Guest CR0: 0x80050033 (PG WP NE ET MP PE)", "GUEST_CR0", 0x80050033n],
  ["0x6800: 0x80050033", "GUEST_CR0", 0x80050033n],
  ["VMCS[0x6800] = 0x80050033", "GUEST_CR0", 0x80050033n],
  ["vmcs 0x6800 = 0x80050033", "GUEST_CR0", 0x80050033n],
  ["GUEST_CR0 (0x6800): 0x80050033", "GUEST_CR0", 0x80050033n],
  ["vmwrite(GUEST_CR0, 0x80050033);", "GUEST_CR0", 0x80050033n],
  ["    vmcs_write64(VMCS_LINK_POINTER, 0xffffffffffffffffull);", "VMCS_LINK_POINTER", 0xffffffffffffffffn],
  ["VMCS_LINK_POINTER = -1", "VMCS_LINK_POINTER", 0xffffffffffffffffn],
  ["guest rip: 0xffff8000 00100000", "GUEST_RIP", 0xffff800000100000n],
  ["guest rip: 0xffff_8000_0010_0000", "GUEST_RIP", 0xffff800000100000n],
  ["guest rip: ffff800000100000h", "GUEST_RIP", 0xffff800000100000n],
  ["[   12.345678] myhv: guest_rip: 0x1000", "GUEST_RIP", 0x1000n],
  ["[   12.345678] myhv: guest_rip = 0x1000", "GUEST_RIP", 0x1000n],
  ["guest::CR3 = 0x1000", "GUEST_CR3", 0x1000n],
  ["tpr threshold: 7", "TPR_THRESHOLD", 7n],
  ["guest limit of cs: 0xffff", "GUEST_CS_LIMIT", 0xffffn],
];

for (const [line, identifier, value] of FORMS) {
  test(`"${line}" is read`, () => {
    const dump = dumpOf(`${line}\n`);
    assert.equal(dump.fields.size, 1);
    assert.equal(valueOf(dump, identifier), value);
  });
}

test("several pairs on a line, and a register's own line, are read", () => {
  const dump = dumpOf("CR0=0x80050033 CR3=0x1000 CR4=0x2020\ncs: sel=0x10, ar=0xa09b, limit=0xffffffff, base=0x0\n");
  assert.deepEqual(
    valuesOf(
      dump,
      "GUEST_CR0",
      "GUEST_CR3",
      "GUEST_CR4",
      "GUEST_CS_SELECTOR",
      "GUEST_CS_ACCESS_RIGHTS",
      "GUEST_CS_BASE",
    ),
    [0x80050033n, 0x1000n, 0x2020n, 0x10n, 0xa09bn, 0n],
  );
});

test("a heading says whose state follows", () => {
  const dump = dumpOf(
    "Guest state:\n  cr0: 0x31\n  cs: 0x8\nHost state:\n  cr0: 0x33\n  cs: 0x10\n  tr:\n    base: 0x5000\n",
  );
  assert.deepEqual(valuesOf(dump, "GUEST_CR0", "GUEST_CS_SELECTOR", "HOST_CR0", "HOST_CS_SELECTOR", "HOST_TR_BASE"), [
    0x31n,
    8n,
    0x33n,
    0x10n,
    0x5000n,
  ]);
});

test("parts of a register follow its line without indentation too", () => {
  const dump = dumpOf("tr: 0x40\nrights: 0x8b\nlim: 0x67\nldtr: 0x0\nrights: 0x10000\n");
  assert.deepEqual(valuesOf(dump, "GUEST_TR_ACCESS_RIGHTS", "GUEST_TR_LIMIT", "GUEST_LDTR_ACCESS_RIGHTS"), [
    0x8bn,
    0x67n,
    0x10000n,
  ]);
});

test("digits alone are decimal, or hexadecimal where other values show it, and either is noted", () => {
  const decimal = dumpOf("tpr_threshold: 10\n");
  assert.equal(valueOf(decimal, "TPR_THRESHOLD"), 10n);
  assert.match(decimal.notes[0]?.text ?? "", /"10" has no 0x; read as decimal: 0xa/);
  const hexadecimal = dumpOf("guest_cr0: 80050033\nguest_cr3: 1a000\n");
  assert.equal(valueOf(hexadecimal, "GUEST_CR0"), 0x80050033n);
  assert.match(hexadecimal.notes[0]?.text ?? "", /"80050033" has no 0x; read as hexadecimal/);
  assert.equal(valueOf(dumpOf("pin based controls: 00000016\n"), "PIN_BASED_VM_EXECUTION_CONTROLS"), 0x16n);
});

test("the halves of a 64-bit field are merged, and an upper half alone is a note", () => {
  const merged = dumpOf("EPT_POINTER = 0x200005e\nEPT_POINTER_HIGH = 0x350\n");
  assert.equal(valueOf(merged, "EPT_POINTER"), 0x3500200005en);
  assert.equal(merged.fields.get(encodingOf("EPT_POINTER"))?.place.line, 1);
  assert.equal(valueOf(dumpOf("EPTP_F: 0x3500200005e\nEPTP_H: 0x350\n"), "EPT_POINTER"), 0x3500200005en);
  const alone = dumpOf("EPT_POINTER_HIGH = 0x350\nguest_cr0 = 0x31\n");
  assert.equal(valueOf(alone, "EPT_POINTER"), undefined);
  assert.match(alone.notes[0]?.text ?? "", /upper half of 0x201a, and no line gives the lower one/);
});

test("capabilities stand among the fields", () => {
  const dump = dumpOf(
    "MSR_IA32_VMX_EPT_VPID_CAP: 0xf0106334141\ncpuid.01h:ecx: 0x20\nCPUID.7.0.EDX = 0x100000\nguest_cr0: 0x31\n",
  );
  assert.deepEqual(
    [...dump.capabilities].map(([name, { value }]) => [name, value]),
    [
      ["IA32_VMX_EPT_VPID_CAP", 0xf0106334141n],
      ["CPUID.1.ECX", 0x20n],
      ["CPUID.7.0.EDX", 0x100000n],
    ],
  );
});

test("an unknown name and an unknown encoding are notes, with the nearest spelling", () => {
  const dump = dumpOf(
    "guest_cr0: 0x31\nguest_cs_acess_rights: 0x9b\nmy_counter: 0x5\n0x6802a: 0x1\nvmcs[0x482c] = 0x1\n",
  );
  assert.deepEqual(
    dump.notes.map(({ text, place }) => [place?.line, text]),
    [
      [2, '"guest_cs_acess_rights" is the name of no VMCS field; not used. The nearest is GUEST_CS_ACCESS_RIGHTS.'],
      [3, '"my_counter" is the name of no VMCS field; not used.'],
      [4, "0x6802a is the encoding of no VMCS field; not used."],
      [5, "0x482c is the encoding of no VMCS field; not used."],
    ],
  );
});

test("a name that disagrees with the encoding beside it is noted, and the encoding followed", () => {
  const dump = dumpOf("GUEST_GS_ACCESS_RIGHTS (0x482e) = 0x10000\n");
  assert.equal(valueOf(dump, "VMX_PREEMPTION_TIMER_VALUE"), 0x10000n);
  assert.match(dump.notes[0]?.text ?? "", /0x482e is VMX-preemption timer value; the encoding is followed/);
});

test("a name without an area is the guest's only where no other line has the guest's", () => {
  const dump = dumpOf("RFLAGS: 0x242\nGUEST_RFLAGS: 0x2\nCR3: 0x1000\n");
  assert.deepEqual(valuesOf(dump, "GUEST_RFLAGS", "GUEST_CR3"), [2n, 0x1000n]);
  assert.match(dump.notes[0]?.text ?? "", /"RFLAGS" could be the guest's, but line 2 gives that as "GUEST_RFLAGS"/);
});

test("a line may hold several names with a colon each, of one register or of several", () => {
  const dump = dumpOf(
    "[Project] Guest CS Segment - Selector: 0x10  Access-Rights: 0xA09B  Limit: 0xFFFF  Base: 0x0\n" +
      "[Project] Guest Task Register - Selector: 0x40  Access-Rights: 0x8B\n" +
      "[Project] Guest GDTR Limit: 0x57  Base: 0x1000  Guest IDTR Limit: 0xFFF  Base: 0x2000\n" +
      "[Project] Guest Control & Debug Registers - CR0: 0x80050033  DR7: 0x400\n",
  );
  assert.deepEqual(
    valuesOf(
      dump,
      "GUEST_CS_SELECTOR",
      "GUEST_CS_ACCESS_RIGHTS",
      "GUEST_CS_LIMIT",
      "GUEST_CS_BASE",
      "GUEST_TR_SELECTOR",
    ),
    [0x10n, 0xa09bn, 0xffffn, 0n, 0x40n],
  );
  assert.deepEqual(
    valuesOf(dump, "GUEST_GDTR_LIMIT", "GUEST_GDTR_BASE", "GUEST_IDTR_LIMIT", "GUEST_IDTR_BASE", "GUEST_DR7"),
    [0x57n, 0x1000n, 0xfffn, 0x2000n, 0x400n],
  );
  assert.deepEqual(dump.notes, []);
});

test("behind a logger's prefix, # is an ornament; numbers in a type's parentheses are read", () => {
  const dump = dumpOf("[ 9021.315]  # GUEST_ES_SEL = 0x10\n# GUEST_CS_SEL = 0x8\nhost_cr3: PhysAddr(0x1000),\n");
  assert.deepEqual(valuesOf(dump, "GUEST_ES_SELECTOR", "GUEST_CS_SELECTOR", "HOST_CR3"), [0x10n, undefined, 0x1000n]);
});

test("prose, headings and comments around the values are passed over", () => {
  const dump = dumpOf(
    "# my guest\n// built on Tuesday 12\nentry failed with reason 33\nValues:\n\nguest_cr0: 0x31\nthat is all\n",
  );
  assert.equal(dump.fields.size, 1);
});

const REFUSED: readonly (readonly [name: string, text: string, line: number, reason: RegExp])[] = [
  ["a known name without a number", "a: 1\nguest_cr0: yes\n", 2, /Found "yes" for "guest_cr0", expected one number/],
  ["two numbers for one name", "guest_cr0: 0x31 0x32\n", 1, /Found "0x31 0x32" for "guest_cr0", expected one number/],
  ["a value too wide for its field", "\n\nguest_cs_selector = 0x12345\n", 3, /expected a value of at most 16 bits/],
  ["a negative value too small", "guest_cs_selector = -40000\n", 1, /expected a value of at most 16 bits/],
  [
    "one field with two values",
    "guest_cr0: 0x31\nGUEST CR0: 0x33\n",
    2,
    /Found 0x33 for "GUEST CR0", expected 0x31 as line 1 has it/,
  ],
  ["halves that contradict", "EPTP_F: 0x3500200005e\nEPTP_H: 0x351\n", 2, /Found 0x351 for "EPTP_H", expected 0x350/],
  ["a capability with two values", "ia32_vmx_basic: 1\nia32_vmx_basic: 2\n", 2, /expected 0x1 as line 1 has it/],
  ["a number of 60 digits", `guest_cr0: 0x${"1".repeat(60)}\n`, 1, /expected one number/],
  [
    "a text without a value of a field",
    "\n\nhello\nworld: 5\n",
    3,
    /Found no value of a VMCS field.*KVM, Xen or Basalt.*JSON/,
  ],
  [
    "what QEMU prints instead of a dump",
    "KVM: entry failed, hardware error 0x80000021\nEAX=00000000 EBX=00000000\nCR0=00050032\n",
    1,
    /registers as QEMU prints them.*dump_invalid_vmcs/,
  ],
  [
    "a text with an exit reason alone",
    "\nexit reason = 0x80000021\nqualification=0x0\n",
    2,
    /exits and failures write/,
  ],
  ["an empty text", "", 1, /Found no value of a VMCS field/],
];

for (const [name, text, line, reason] of REFUSED) {
  test(`${name} is refused with its line`, () => {
    const refusal = refusalOf(text);
    assert.match(refusal.reason, reason);
    assert.equal(refusal.line, line);
  });
}

test("a text above 4 MiB, a line above 64 KiB and more than 100,000 lines are refused with their lines", () => {
  const long = refusalOf(`guest_cr0: 0x31\n${"x".repeat(70_000)}\n`);
  assert.equal(long.line, 2);
  assert.match(long.reason, /line of 70000 characters, expected at most 65536/);
  const many = refusalOf("guest_cr0: 0x31\n".repeat(150_000));
  assert.equal(many.line, 100_001);
  assert.match(many.reason, /more than 100000 lines/);
  const large = refusalOf(`guest_cr0: 0x31${" ".repeat(240)}\n`.repeat(20_000));
  assert.equal(large.line, (4 * 1024 * 1024) / 256 + 1);
  assert.match(large.reason, /text of 5120000 characters, expected at most 4194304/);
});
